package database

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
)

// The result codes of SQLite that people can do something about: https://www.sqlite.org/rescode.html.
const (
	codeBusy     = 5
	codeReadOnly = 8
	codeIO       = 10
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeNotADB   = 26

	codeConstraint = 19
)

// Fix tells a person what to do about an error of the database.
func Fix(err error) string {
	if errors.Is(err, ErrNoAnswer) {
		return "check the device and the file system of state_dir: dmesg, a frozen file system (fsfreeze), a lost network mount"
	}
	if errors.Is(err, ErrNewer) {
		return "install the newer version again, or move squarewatch.db away to start without history"
	}
	switch code(err) {
	case codeBusy:
		return "end the process that holds a lock on squarewatch.db (fuser -v squarewatch.db names it), such as an open sqlite3 shell"
	case codeFull:
		return "free space on the disk of state_dir"
	case codeReadOnly, codeCantOpen:
		return "make state_dir writable for the user of squarewatch; a file system with faults is remounted read-only (see dmesg)"
	case codeIO:
		return "check the disk of state_dir (see dmesg)"
	}
	if fix := fixPostgres(err); fix != "" {
		return fix
	}
	return "make state_dir answer, have free space and be writable"
}

// fixPostgres is [Fix] for errors of PostgreSQL; empty for others.
func fixPostgres(err error) string {
	kind := KindOf(err)
	switch {
	case kind == KindUnreachable:
		return "check that the PostgreSQL server runs, can be reached from this host and accepts more connections"
	case stateOf(err) == "":
		return ""
	case kind == KindFull:
		return "free space on the disk of the PostgreSQL server"
	case kind == KindReadOnly:
		return "connect to the primary server of PostgreSQL: a standby accepts no writes"
	case kind == KindConflict:
		return "nothing, if it is rare: the transaction is repeated"
	}
	return "look at the log of the PostgreSQL server"
}

// unreachable reports whether an error is of the connection, and not an answer of the database.
func unreachable(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF)
}

// IsLocked reports whether another process holds a lock on the database.
func IsLocked(err error) bool { return code(err) == codeBusy }

// code returns the primary result code of SQLite in an error; 0 when there is none.
func code(err error) int {
	const primary = 0xff
	coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err)
	if !ok {
		return 0
	}
	return coded.Code() & primary
}
