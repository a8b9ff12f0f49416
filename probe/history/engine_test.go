//go:build !e2e

package history_test

import (
	"database/sql"
	"log/slog"
	"testing"

	"squarewatch/probe/database"
)

// openDatabase opens the database of a test: here SQLite, and with the build tag e2e PostgreSQL.
func openDatabase(tb testing.TB, path string, logger *slog.Logger) *sql.DB {
	tb.Helper()
	db, err := database.Open(tb.Context(), path, logger)
	if err != nil {
		tb.Fatal(err)
	}
	return db
}

// onlySQLite skips a test of what SQLite alone has.
func onlySQLite(tb testing.TB, _ string) { tb.Helper() }
