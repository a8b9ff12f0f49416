package database

import (
	"context"
	"database/sql"
	"errors"
	"hash/fnv"
	"strings"
)

// Postgres is implemented by drivers of PostgreSQL. The other driver is that of SQLite.
type Postgres interface {
	// Postgres marks the driver. It does nothing.
	Postgres()
}

// IsPostgres reports whether a database is PostgreSQL. Stores ask it where one SQL text does not serve both.
func IsPostgres(db *sql.DB) bool {
	_, ok := db.Driver().(Postgres)
	return ok
}

// Names returns a table expression with the column names.value, which has the elements of a JSON list. The list is the numbered parameter.
// SQLite: https://www.sqlite.org/json1.html#jeach. PostgreSQL: https://www.postgresql.org/docs/13/functions-json.html.
func Names(db *sql.DB, parameter string) string {
	if IsPostgres(db) {
		return "json_array_elements_text(CAST(" + parameter + " AS json)) AS names(value)"
	}
	return "json_each(" + parameter + ") AS names"
}

// Kind says what kind of error a database returned, for callers that act on it.
type Kind int

// The kinds of errors.
const (
	KindOther       Kind = iota
	KindFull             // no room on the disk of the database
	KindReadOnly         // the database cannot be written, for example because it is a standby
	KindUnique           // a row with this key exists
	KindConflict         // another transaction was in the way: repeat the transaction
	KindUnreachable      // the connection was refused or is lost; what was committed last is not known
)

// stateOf returns the SQLSTATE of an error of PostgreSQL; empty when there is none.
func stateOf(err error) string {
	coded, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	if !ok {
		return ""
	}
	return coded.SQLState()
}

// KindOf returns the kind of an error. The codes of PostgreSQL are in https://www.postgresql.org/docs/13/errcodes-appendix.html, those of
// SQLite in https://www.sqlite.org/rescode.html.
func KindOf(err error) Kind {
	switch code(err) {
	case codeFull:
		return KindFull
	case codeReadOnly, codeCantOpen:
		return KindReadOnly
	case codeBusy:
		return KindConflict
	case codeConstraint:
		return KindUnique
	}
	switch state := stateOf(err); {
	case state == "53100":
		return KindFull
	case state == "25006":
		return KindReadOnly
	case state == "23505":
		return KindUnique
	case strings.HasPrefix(state, "40"), state == "55P03": // serialization, deadlock, lock not available
		return KindConflict
	case strings.HasPrefix(state, "08"), strings.HasPrefix(state, "57P"), state == "53300": // connection, shutdown, too many connections
		return KindUnreachable
	}
	if unreachable(err) {
		return KindUnreachable
	}
	return KindOther
}

// lockedWhile calls a function while this session has a lock of PostgreSQL, so that two hosts that start at once migrate one after the
// other: https://www.postgresql.org/docs/13/explicit-locking.html#ADVISORY-LOCKS. SQLite needs none, since one process has the file.
func lockedWhile(ctx context.Context, db *sql.DB, name string, do func() error) (err error) {
	if !IsPostgres(db) {
		return do()
	}
	connection, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	key := LockKey(name)
	if _, err := connection.ExecContext(ctx, `SELECT pg_advisory_lock(?)`, key); err != nil {
		return err
	}
	defer func() { // the lock ends with the session anyway
		_, unlocked := connection.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock(?)`, key)
		err = errors.Join(err, unlocked)
	}()
	return do()
}

// LockKey returns the number of an advisory lock of PostgreSQL by its name.
func LockKey(name string) int64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte("squarewatch " + name)) // never fails
	return int64(hash.Sum64())
}
