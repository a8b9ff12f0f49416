//go:build !e2e

package outbox_test

import (
	"database/sql"
	"testing"
)

// openDatabase opens the database of a test: here SQLite, and with the build tag e2e PostgreSQL.
func openDatabase(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=synchronous(OFF)")
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// onlySQLite skips a test of what SQLite alone has.
func onlySQLite(tb testing.TB, _ string) { tb.Helper() }
