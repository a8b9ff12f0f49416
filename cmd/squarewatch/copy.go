package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"modernc.org/sqlite"

	"squarewatch/config"
	"squarewatch/probe/database"
)

// copyPattern matches the names of copies. A copy is in state_dir while the daemon sends it.
const copyPattern = "copy-*.db"

// copyPath is where the daemon serves a copy of its database.
const copyPath = "/api/v1/database"

// copyPages is how many pages of 4 KiB one step copies. Between two steps the daemon can use the connection.
const copyPages = 256

// copyDatabase copies a database in use to a file. It uses SQLite's backup, see https://www.sqlite.org/backup.html: the copy
// includes what the connection of db writes during the copying.
func copyDatabase(ctx context.Context, db *sql.DB, path string) error {
	var backup *sqlite.Backup
	step := func(ctx context.Context, do func(connection any) error) error {
		connection, err := db.Conn(ctx)
		if err != nil {
			return fmt.Errorf("copy the database: %w", err)
		}
		if err := connection.Raw(do); err != nil {
			return errors.Join(fmt.Errorf("copy the database to %s: %w", path, err), connection.Close())
		}
		return connection.Close()
	}
	err := step(ctx, func(connection any) (err error) {
		from, ok := connection.(interface {
			NewBackup(destination string) (*sqlite.Backup, error)
		})
		if !ok {
			return errors.New("the driver cannot copy")
		}
		backup, err = from.NewBackup(path)
		return err
	})
	if err != nil {
		return err
	}
	for more := true; more && err == nil; {
		err = step(ctx, func(any) (err error) {
			more, err = backup.Step(copyPages)
			return err
		})
	}
	// Finish needs the connection too, since the backup belongs to it.
	return errors.Join(err, step(context.WithoutCancel(ctx), func(any) error { return backup.Finish() }))
}

// sendCopy answers with a copy of the database. The daemon keeps the database locked, so other processes read a copy.
func (d *Daemon) sendCopy(w http.ResponseWriter, r *http.Request, _ string) {
	o := d.state.opened.Load()
	if o == nil {
		refuse(w, http.StatusServiceUnavailable, errors.Join(errors.New("there is no database to copy"), d.state.err()))
		return
	}
	if !d.copying.TryLock() {
		refuse(w, http.StatusConflict, errors.New("another copy is being made: try again when it is done"))
		return
	}
	defer d.copying.Unlock()
	file, err := os.CreateTemp(filepath.Dir(d.state.path), copyPattern)
	if err != nil {
		refuse(w, http.StatusInternalServerError, fmt.Errorf("create a file for the copy: %w: %s", err, database.Fix(err)))
		return
	}
	defer func() {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}()
	if err := copyDatabase(r.Context(), o.db, file.Name()); err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.sqlite3")
	_, _ = io.Copy(w, file) // an error means that the client has disconnected, and needs no answer
}

// removeCopies removes the copies that a killed process left behind.
func removeCopies(directory string) {
	names, _ := filepath.Glob(filepath.Join(directory, copyPattern+"*"))
	for _, name := range names {
		_ = os.Remove(name)
	}
}

// download writes a copy of the running daemon's database to a new file.
func (c *client) download(ctx context.Context, file *os.File) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+copyPath, http.NoBody)
	if err != nil {
		return err
	}
	c.authorize(req)
	patient := &http.Client{Transport: c.http.Transport} // without a timeout, since a copy may have gigabytes
	resp, err := patient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the daemon at %s for a copy of its database: %w; check that squarewatch runs on this machine with this file",
			c.base, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		const largest = 64 << 10
		text, _ := io.ReadAll(io.LimitReader(resp.Body, largest))
		return refusalOf(resp.StatusCode, text)
	}
	if _, err := io.Copy(file, resp.Body); err != nil {
		return fmt.Errorf("write the copy to %s: %w", file.Name(), err)
	}
	return nil
}

func newCopyCommand(file *configFile) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "copy FILE",
		Short: "Copy the running daemon's database to a file",
		Long: "Copy the running daemon's database to a new file, for the sqlite3 shell or as a backup. The daemon keeps its database locked\n" +
			"while it runs; when it is stopped, the sqlite3 shell can read the database itself.",
		Example: "  squarewatch copy /tmp/copy.db && sqlite3 /tmp/copy.db 'SELECT * FROM runs_readable LIMIT 10'",
		Args:    oneName("a file for the copy that does not exist yet"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			cfg, err := file.reach(cmd.Context())
			if err != nil {
				return err
			}
			const fileMode = 0o600
			target, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
			if err != nil {
				return fmt.Errorf("create the file for the copy: %w: name one that does not exist yet", err)
			}
			defer func() {
				if err = errors.Join(err, target.Close()); err != nil {
					_ = os.Remove(target.Name())
				}
			}()
			if err := newClient(cfg).download(cmd.Context(), target); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]string{"file": args[0]})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "The database is copied to %s.\n", args[0])
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// readHistory opens the database for reading. While a daemon has the database open, it opens a copy. The returned function closes it.
func readHistory(ctx context.Context, cfg *config.Config) (*sql.DB, func(), error) {
	db, err := database.OpenReadOnly(ctx, databasePath(cfg))
	if err == nil {
		return db, func() { _ = db.Close() }, nil
	}
	if !database.IsLocked(err) {
		return nil, nil, err
	}
	file, err := os.CreateTemp("", copyPattern)
	if err != nil {
		return nil, nil, fmt.Errorf("create a file for a copy of the database: %w", err)
	}
	remove := func() { _ = os.Remove(file.Name()) }
	if err := errors.Join(newClient(cfg).download(ctx, file), file.Close()); err != nil {
		remove()
		return nil, nil, fmt.Errorf("the database is locked by another process: %w", err)
	}
	if db, err = database.OpenReadOnly(ctx, file.Name()); err != nil {
		remove()
		return nil, nil, err
	}
	return db, func() {
		_ = db.Close()
		remove()
	}, nil
}
