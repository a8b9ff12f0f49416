package history_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/database"
	"squarewatch/probe/history"
)

// TestADatabaseWithoutEvidenceIsRead reads a database of an older version, first as it is and then brought up to date.
func TestADatabaseWithoutEvidenceIsRead(t *testing.T) {
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	old := fstest.MapFS{}
	for _, name := range []string{"00001_history.sql", "00002_hours.sql"} {
		text, err := os.ReadFile(filepath.Join("migrations", name))
		if err != nil {
			t.Fatal(err)
		}
		old[name] = &fstest.MapFile{Data: text}
	}
	if err := database.Migrate(t.Context(), db, old, "history_version"); err != nil {
		t.Fatal(err)
	}
	end := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	if _, err := db.ExecContext(t.Context(), `INSERT INTO runs VALUES (?, 'a', 'partner', 0, 0, 0, 1, 'unauthenticated', 401, 0, 0,
		'credential', 'answered 401', '', x'', x'')`, end.UnixMicro()); err != nil {
		t.Fatal(err)
	}
	check := func(store *history.Store) {
		t.Helper()
		runs, err := store.Last(t.Context(), "a", 1, end)
		if err != nil || len(runs) != 1 {
			t.Fatalf("want one run, got %d and %v", len(runs), err)
		}
		if r := runs[0]; r.Blame != probe.BlameCredential || r.Advice != "" || r.Evidence != nil {
			t.Errorf("want the blame alone, got %q, %q and %v", r.Blame, r.Advice, r.Evidence)
		}
	}
	check(history.ReadStore(db))
	store, err := history.NewStore(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	check(store)
}
