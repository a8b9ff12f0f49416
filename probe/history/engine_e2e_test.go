//go:build e2e

package history_test

import (
	"database/sql"
	"log/slog"
	"testing"

	"squarewatch/probe/database/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// openDatabase opens the database of a test: here PostgreSQL, and without the build tag e2e SQLite.
func openDatabase(tb testing.TB, path string, _ *slog.Logger) *sql.DB {
	tb.Helper()
	return postgrestest.Open(tb, path)
}

// onlySQLite skips a test of what SQLite alone has.
func onlySQLite(tb testing.TB, why string) {
	tb.Helper()
	tb.Skip("only SQLite " + why)
}
