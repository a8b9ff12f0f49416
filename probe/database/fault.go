package database

import "errors"

// The result codes of SQLite that people can do something about: https://www.sqlite.org/rescode.html.
const (
	codeBusy     = 5
	codeReadOnly = 8
	codeIO       = 10
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeNotADB   = 26
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
	return "make state_dir answer, have free space and be writable"
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
