package database_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"squarewatch/probe/database"
)

// TestTheWALShrinks writes 40 MB in one transaction. The next writes shorten the WAL, which otherwise keeps its largest size.
func TestTheWALShrinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := database.Open(t.Context(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := database.Migrate(t.Context(), db, tables(), "a_version"); err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	const many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) INSERT INTO a SELECT zeroblob(1000000) FROM n"
	if _, err := db.ExecContext(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	if size() < 40e6 {
		t.Fatalf("want a large WAL to begin with, got %d bytes", size())
	}
	for range 2 { // the first write starts at the beginning of the WAL again
		if _, err := db.ExecContext(t.Context(), "INSERT INTO a VALUES (1)"); err != nil {
			t.Fatal(err)
		}
	}
	if size() > 16<<20 {
		t.Errorf("want at most 16 MiB, got %d bytes", size())
	}
}
