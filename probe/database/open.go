package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// Driver is the name under which the program registers SQLite with database/sql: modernc.org/sqlite, imported where the
// program is put together.
const Driver = "sqlite"

// largestChecked is the size in bytes up to which a file is read through when it is opened. Beyond, reading it would hold
// up the start for seconds, and a fault is found when its page is read.
const largestChecked = 256 << 20

// Open opens the database at a path, and makes it and its directory when they are missing; only we may read them. A file
// that is damaged is set aside under a dated name and a new one begun: what it held is lost to us, and the log says so.
func Open(ctx context.Context, path string, logger *slog.Logger) (*sql.DB, error) {
	if err := prepare(path); err != nil {
		return nil, fmt.Errorf("open the database: %w: make state_dir a directory that the user of squarewatch may write to", err)
	}
	db, err := connect(ctx, path)
	if err == nil {
		return db, nil
	}
	if !errors.Is(err, errDamaged) {
		return nil, fmt.Errorf("open the database %s: %w", path, err)
	}
	aside := fmt.Sprintf("%s.damaged-%s", path, time.Now().UTC().Format("20060102T150405Z"))
	if moved := setAside(path, aside); moved != nil {
		return nil, fmt.Errorf("open the database %s: %w; it could not be set aside either: %w", path, err, moved)
	}
	logger.ErrorContext(ctx, "the database is damaged; it was set aside and a new one is begun: incidents, silences and history before now are not known",
		"path", path, "set_aside", aside, "error", err)
	if err := prepare(path); err != nil {
		return nil, fmt.Errorf("begin a new database: %w", err)
	}
	return connect(ctx, path)
}

// OpenReadOnly opens a database that another process may be writing to, and leaves no file of ours beside it: whoever reads
// may be another user than the daemon's, which could then not open them.
func OpenReadOnly(ctx context.Context, path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open the database: %w: it is in state_dir, and there only once the daemon has run", err)
	}
	query := url.Values{"mode": {"ro"}, "_pragma": {busyTimeout}}
	if _, err := os.Stat(path + "-wal"); errors.Is(err, os.ErrNotExist) {
		query.Set("immutable", "1") // nobody has it open; without this SQLite makes the files that writers share
	}
	db, err := sql.Open(Driver, address(path, query))
	if err != nil {
		return nil, err
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database %s: %w", path, err), db.Close())
	}
	return db, nil
}

// prepare makes the file and its directory.
func prepare(path string) error {
	const onlyUs, directory = 0o600, 0o700
	if err := os.MkdirAll(filepath.Dir(path), directory); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, onlyUs) //nolint:gosec // the operator names the directory
	if err != nil {
		return err
	}
	return file.Close()
}

// source is a path with how its connections are set up. A commit is on the disk when it returns: what people are owed must
// survive a loss of power.
func source(path string, query url.Values) string {
	for _, pragma := range []string{busyTimeout, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"} {
		query.Add("_pragma", pragma)
	}
	return address(path, query)
}

// busyTimeout is how long a connection waits for another process, in milliseconds.
const busyTimeout = "busy_timeout(5000)"

func address(path string, query url.Values) string {
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query.Encode()}).String()
}

// errDamaged marks a file that is no database, or no longer one.
var errDamaged = errors.New("the file is damaged")

// connect opens a file and looks whether it is whole. One connection serves all: SQLite has one writer anyhow, and
// database/sql then queues us instead of SQLite refusing.
func connect(ctx context.Context, path string) (_ *sql.DB, err error) {
	db, err := sql.Open(Driver, source(path, url.Values{}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if err := db.PingContext(ctx); err != nil {
		return nil, damaged(err)
	}
	check := "PRAGMA quick_check(1)"
	if info, err := os.Stat(path); err == nil && info.Size() > largestChecked {
		check = "SELECT CASE WHEN count(*) >= 0 THEN 'ok' END FROM sqlite_schema"
	}
	var verdict string
	if err := db.QueryRowContext(ctx, check).Scan(&verdict); err != nil {
		return nil, damaged(err)
	}
	if verdict != "ok" {
		return nil, fmt.Errorf("%w: %s", errDamaged, verdict)
	}
	return db, nil
}

// damaged tells whether an error of SQLite means that the file is no database: its result codes 11 and 26,
// see https://www.sqlite.org/rescode.html.
func damaged(err error) error {
	const corrupt, notADatabase, primary = 11, 26, 0xff
	if coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok && (coded.Code()&primary == corrupt || coded.Code()&primary == notADatabase) {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return err
}

// setAside renames a database with what belongs to it.
func setAside(path, aside string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
