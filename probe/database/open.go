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

// Driver is the name of the SQLite driver in database/sql. Package main imports the driver, modernc.org/sqlite.
const Driver = "sqlite"

// largestChecked is the size in bytes up to which Open checks the whole file. The check of a larger file would delay the start by
// seconds; SQLite then finds damage only when it reads the damaged page.
const largestChecked = 256 << 20

// Open opens the database at a path. It creates the file and its directory if they are missing, readable only by this user. It
// renames a damaged file to a name with the date and creates a new one; the log says that the old data is not used.
func Open(ctx context.Context, path string, logger *slog.Logger) (*sql.DB, error) {
	if err := prepare(path); err != nil {
		return nil, fmt.Errorf("open the database: %w: make state_dir a directory that the user of squarewatch can write to", err)
	}
	db, err := connect(ctx, path)
	if err == nil {
		return db, nil
	}
	if !errors.Is(err, errDamaged) {
		return nil, fmt.Errorf("open the database %s: %w: %s", path, err, Fix(err))
	}
	aside := fmt.Sprintf("%s.damaged-%s", path, time.Now().UTC().Format("20060102T150405Z"))
	if renamed := rename(path, aside); renamed != nil {
		return nil, fmt.Errorf("open the database %s: %w; it could not be renamed either: %w", path, err, renamed)
	}
	logger.ErrorContext(ctx, "the database is damaged; it was renamed and a new one created, without the old incidents, silences and history",
		"path", path, "renamed_to", aside, "error", err)
	if err := prepare(path); err != nil {
		return nil, fmt.Errorf("create a new database: %w", err)
	}
	return connect(ctx, path)
}

// OpenReadOnly opens a database that no process has open for writing: a process that has keeps it locked, and the error is [IsLocked]. It
// creates no files: the reader may be another user, and the daemon could not open files of that user.
func OpenReadOnly(ctx context.Context, path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open the database: %w: the daemon creates it in state_dir when it first runs", err)
	}
	query := url.Values{"mode": {"ro"}, "_pragma": {busyTimeout}}
	if _, err := os.Stat(path + "-wal"); errors.Is(err, os.ErrNotExist) {
		query.Set("immutable", "1") // no process has it open; without this SQLite creates the -wal and -shm files
	}
	db, err := sql.Open(Driver, address(path, query))
	if err != nil {
		return nil, err
	}
	var tables int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return nil, errors.Join(fmt.Errorf("open the database %s: %w", path, err), db.Close())
	}
	return db, nil
}

// prepare creates the file and its directory.
func prepare(path string) error {
	const fileMode, directoryMode = 0o600, 0o700
	if err := os.MkdirAll(filepath.Dir(path), directoryMode); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode) //nolint:gosec // the operator names the directory
	if err != nil {
		return err
	}
	return file.Close()
}

// lockingMode keeps the file locked for this process as long as it is open. SQLite then has the index of the WAL in ordinary memory and
// not in a memory-mapped file, see "Use of WAL Without Shared-Memory" in https://www.sqlite.org/wal.html. A thread that writes to a
// mapped file on a disk that hangs waits in a page fault. Go cannot interrupt it there, so the next garbage collection would halt the whole
// process. A thread in a system call does not halt it. No other process can lock the file either; others read a copy (squarewatch copy).
const lockingMode = "locking_mode(EXCLUSIVE)"

// journalLimit shortens the WAL to 16 MiB after a checkpoint, see https://www.sqlite.org/pragma.html#pragma_journal_size_limit.
const journalLimit = "journal_size_limit(16777216)"

// writable returns the data source name for reading and writing. A commit returns only when the data is on the disk, because
// messages that are not yet delivered must survive a loss of power.
func writable(path string, query url.Values) string {
	for _, pragma := range []string{busyTimeout, lockingMode, "journal_mode(WAL)", journalLimit, "synchronous(FULL)", "foreign_keys(1)"} {
		query.Add("_pragma", pragma)
	}
	return address(path, query)
}

// busyTimeout is how long a connection waits for another process, in milliseconds. It is shorter than the time for which a start waits for
// the database.
const busyTimeout = "busy_timeout(500)"

// address returns the data source name of a file, see https://www.sqlite.org/uri.html.
func address(path string, query url.Values) string {
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query.Encode()}).String()
}

// errDamaged marks a file that is not a database, or is damaged.
var errDamaged = errors.New("the file is damaged")

// connect opens a file and checks that it is not damaged. All goroutines share one connection: SQLite allows one writer, and
// database/sql makes the others wait instead of returning an error.
func connect(ctx context.Context, path string) (_ *sql.DB, err error) {
	db, err := sql.Open(Driver, writable(path, url.Values{}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	// Take a write lock now, to learn before the first write whether another process has the file locked.
	for _, statement := range []string{"BEGIN IMMEDIATE", "COMMIT"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return nil, damaged(err)
		}
	}
	check := "PRAGMA quick_check(1)"
	if info, err := os.Stat(path); err == nil && info.Size() > largestChecked {
		check = "SELECT CASE WHEN count(*) >= 0 THEN 'ok' END FROM sqlite_schema"
	}
	var outcome string
	if err := db.QueryRowContext(ctx, check).Scan(&outcome); err != nil {
		return nil, damaged(err)
	}
	if outcome != "ok" {
		return nil, fmt.Errorf("%w: %s", errDamaged, outcome)
	}
	return db, nil
}

// damaged marks an error of SQLite with errDamaged if its result code says that the file is damaged (11) or not a database (26),
// see https://www.sqlite.org/rescode.html.
func damaged(err error) error {
	if c := code(err); c == codeCorrupt || c == codeNotADB {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return err
}

// rename renames a database and its -wal and -shm files.
func rename(path, aside string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
