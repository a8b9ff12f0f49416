//go:build e2e

package outbox_test

import (
	"database/sql"
	"testing"

	"squarewatch/probe/database/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// openDatabase opens the database of a test: here PostgreSQL, and without the build tag e2e SQLite.
func openDatabase(t *testing.T, path string) *sql.DB {
	t.Helper()
	return postgrestest.Open(t, path)
}

// onlySQLite skips a test of what SQLite alone has.
func onlySQLite(tb testing.TB, why string) {
	tb.Helper()
	tb.Skip("only SQLite " + why)
}
