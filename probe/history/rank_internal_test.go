package history

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/database"
)

// TestASampleHasRunsOfEveryProbe has two probes that run alternately, and reads the latency of one run in two.
func TestASampleHasRunsOfEveryProbe(t *testing.T) {
	db, err := database.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	store, err := NewStore(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	var b batch
	for i := range 200 {
		end := begin.Add(time.Duration(i) * time.Second)
		b.results = append(b.results, run{Result: &probe.Result{
			Probe: []string{"a", "b"}[i%2], Intended: end, Start: end, End: end, Class: probe.Success, Expected: true,
			Attempts: []probe.Attempt{{Start: end, End: end.Add(time.Duration(i/2+1) * time.Millisecond)}},
		}})
	}
	if err := store.write(t.Context(), b, begin, begin); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		buckets := []Bucket{{Begin: begin}}
		if err := store.rank(t.Context(), name, buckets, begin.Add(time.Hour), 2); err != nil {
			t.Fatal(err)
		}
		if p50 := buckets[0].P50; p50 < 45*time.Millisecond || p50 > 55*time.Millisecond {
			t.Errorf("%s: want about 50 ms, got %v", name, p50)
		}
	}
}
