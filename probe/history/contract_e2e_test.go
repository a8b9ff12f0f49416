//go:build e2e

package history_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/database"
	"squarewatch/probe/database/postgrestest"
	"squarewatch/probe/history"

	"github.com/google/go-cmp/cmp"
)

// engines calls a function with an empty store in each database.
func engines(t *testing.T, check func(t *testing.T, store *history.Store, db *sql.DB)) {
	t.Helper()
	for name, open := range map[string]func(t *testing.T, path string) *sql.DB{
		"sqlite": func(t *testing.T, path string) *sql.DB {
			t.Helper()
			db, err := database.Open(t.Context(), path, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			return db
		},
		"postgres": func(t *testing.T, path string) *sql.DB { t.Helper(); return postgrestest.Open(t, path) },
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, filepath.Join(t.TempDir(), "x.db"))
			t.Cleanup(func() { _ = db.Close() })
			store, err := history.NewStore(t.Context(), db)
			if err != nil {
				t.Fatal(err)
			}
			check(t, store, db)
		})
	}
}

// answers is what the readers of a store return for the same writes.
type answers struct {
	Runs        []*probe.Result
	Last        []*probe.Result
	Bad, Good   *probe.Result
	Detailed    *probe.Result
	Each        map[string][]history.Record
	Buckets     []history.Bucket
	Hourly      []history.Bucket
	Rollups     []history.Rollup
	RollupsOf   []history.Rollup
	Phases      []history.PhaseMean
	HourPhases  []history.PhaseMean
	Totals      []history.Total
	Missed      []history.Missed
	Misses      []probe.Miss
	MissesOf    []probe.Miss
	Uptimes     map[string]history.Uptime
	Amount      history.Amount
	Newest      time.Time
	Begin       time.Time
	HasWatched  bool
	Keys        map[string]time.Time
	NewKeys     map[string]time.Time
	AfterForget int
}

// TestContract compares what both databases answer to all questions after the same writes.
func TestContract(t *testing.T) {
	begin := time.Date(2026, 10, 7, 0, 0, 0, 0, time.UTC)
	now := begin.Add(50 * time.Hour)
	var results []*probe.Result
	for i := range 600 {
		at := begin.Add(time.Duration(i) * 5 * time.Minute)
		for p, name := range []string{"b", "a", "Ü"} {
			results = append(results, detailed(name, at.Add(time.Duration(p)*time.Second), []int{200, 200, 500, 401}[(i+p)%4]))
		}
	}
	hostile := detailed("a", now.Add(-time.Minute), 500)
	hostile.Reason, hostile.Excerpt = "a 'quoted' ? text", "☃ \\u0000 %s $1"
	results = append(results, hostile)
	var got []answers
	engines(t, func(t *testing.T, store *history.Store, db *sql.DB) {
		t.Helper()
		w := history.NewWriter(store, history.WriterOptions{Retention: history.DefaultRetention(), Logger: slog.New(slog.DiscardHandler)})
		for i := range 3 {
			w.Missed(probe.Miss{Probe: "a", Intended: begin.Add(time.Duration(i) * time.Hour), Reason: probe.MissGap, Count: i + 1})
		}
		w.Reloaded(begin)
		writtenBy(w, results[:700]...)
		writtenBy(w, results[700:]...)
		if err := w.Status().Fault; err != nil {
			t.Fatal(err)
		}
		got = append(got, ask(t, store, history.ReadStore(db), begin, now, hostile.Trace))
	})
	if len(got) != 2 || len(got[0].Runs) != len(results) || len(got[0].Phases) == 0 || len(got[0].HourPhases) == 0 {
		t.Fatal("want two sets of answers")
	}
	if diff := cmp.Diff(got[0], got[1]); diff != "" {
		t.Errorf("the databases differ:\n%s", diff)
	}
}

// ask reads everything, from the store that has written it and from one that only reads.
func ask(t *testing.T, store, reader *history.Store, begin, now time.Time, trace probe.TraceID) (a answers) {
	t.Helper()
	ctx := t.Context()
	var faults [20]error
	for r, err := range store.Runs(ctx, begin.Add(-time.Hour), now) {
		a.Runs, faults[0] = append(a.Runs, r), err
	}
	for up, err := range store.Rollups(ctx, begin, now) {
		a.Rollups, faults[1] = append(a.Rollups, up), err
	}
	a.Last, faults[2] = reader.Last(ctx, "a", 7, now)
	a.Bad, a.Good, faults[3] = store.FirstBad(ctx, "a", begin.Add(time.Hour), now)
	a.Detailed, faults[4] = store.Run(ctx, trace)
	a.Each, faults[5] = reader.RunsOfEach(ctx, []string{"a", "Ü", "none"}, begin, now, 9)
	a.Buckets, faults[6] = reader.Buckets(ctx, "a", begin, begin.Add(20*time.Hour), 20*time.Minute)
	a.Phases, faults[7] = reader.Phases(ctx, "a", begin, begin.Add(20*time.Hour), 20*time.Minute)
	faults[8] = store.Summarise(ctx, now)
	a.Hourly, faults[9] = store.Buckets(ctx, "a", begin, now, 3*time.Hour)
	a.HourPhases, faults[10] = store.Phases(ctx, "a", begin, now, 3*time.Hour)
	a.RollupsOf, faults[11] = store.RollupsOf(ctx, "Ü", begin, now, time.Minute)
	a.Totals, faults[12] = reader.Totals(ctx, begin, now)
	a.Missed, faults[13] = store.MissedRuns(ctx, begin, now)
	a.Misses, faults[14] = store.Misses(ctx, begin, now, 2)
	a.MissesOf, faults[15] = store.MissesOf(ctx, "a", begin.Add(-1), now, 10)
	a.Uptimes, faults[16] = store.Uptimes(ctx, begin)
	a.Amount, faults[17] = store.AmountSince(ctx, begin, 1000)
	a.Newest, faults[18] = store.BeginOfNewestRuns(ctx, begin, 100)
	a.Begin, faults[19] = store.Begin(ctx)
	watched, err := store.LastWatched(ctx)
	a.HasWatched = !watched.IsZero()
	var errKeys, errNew error
	a.Keys, errKeys = store.KeysSince(ctx, map[string]string{"partner": "first-secret"}, begin)
	a.NewKeys, errNew = store.KeysSince(ctx, map[string]string{"partner": "second-secret"}, now)
	// PostgreSQL drops the days before, and keeps the last one whole.
	keep := history.Retention{Runs: 2 * time.Hour, Rollups: 90 * 24 * time.Hour}
	errForget := store.Forget(ctx, keep, begin.Add(50*time.Hour+10*time.Minute))
	var errLeft error
	for _, err := range store.Runs(ctx, begin.Add(-time.Hour), begin.Add(48*time.Hour-time.Microsecond)) {
		a.AfterForget, errLeft = a.AfterForget+1, err
	}
	if err := errors.Join(append(faults[:], err, errLeft, errKeys, errNew, errForget)...); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestARunMadeTwiceCountsOnce has two hosts of one location that made the same runs, and a host of another location.
func TestARunMadeTwiceCountsOnce(t *testing.T) {
	first := openDatabase(t, "shared by hosts", slog.New(slog.DiscardHandler))
	second := openDatabase(t, "shared by hosts", slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _, _ = first.Close(), second.Close() })
	begin := time.Date(2026, 10, 7, 23, 59, 0, 0, time.UTC)
	var stores []*history.Store
	var starting sync.WaitGroup
	stores = make([]*history.Store, 3)
	for i, db := range []*sql.DB{first, second, second} { // all migrate at once
		starting.Go(func() {
			var err error
			if stores[i], err = history.NewStore(t.Context(), db); err != nil {
				t.Error(err)
			}
		})
	}
	starting.Wait()
	if t.Failed() {
		return
	}
	stores[2].At("elsewhere")
	var writing sync.WaitGroup
	for _, store := range stores {
		writing.Go(func() {
			for batch := range 10 {
				var results []*probe.Result
				for i := range 50 {
					r := run(fmt.Sprintf("p%d", i), begin.Add(time.Duration(batch)*30*time.Second), 200)
					_, _ = rand.Read(r.Trace[:])
					results = append(results, r)
				}
				w := history.NewWriter(store, history.WriterOptions{Retention: history.DefaultRetention(), Logger: slog.New(slog.DiscardHandler)})
				writtenBy(w, results...)
				if err := w.Status().Fault; err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	for query, want := range map[string]int{
		`SELECT count(*) FROM runs`: 1000, `SELECT sum(runs) FROM rollups`: 1000, `SELECT sum(runs) FROM hours`: 1000,
		`SELECT count(*) FROM runs WHERE location = 'elsewhere'`: 500, `SELECT count(*) FROM pg_partition_tree('runs') WHERE isleaf`: 2,
	} {
		var got int
		if err := first.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: want %d, got %d, %v", query, want, got, err)
		}
	}
}

// BenchmarkBatch writes batches of 200 results of 1,000 probes, with every commit on the disk.
func BenchmarkBatch(b *testing.B) {
	db := openDatabase(b, b.TempDir(), slog.New(slog.DiscardHandler))
	b.Cleanup(func() { _ = db.Close() })
	for _, statement := range []string{`ALTER SYSTEM SET fsync = on`, `SELECT pg_reload_conf()`} {
		if _, err := db.ExecContext(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	store, err := history.NewStore(b.Context(), db)
	if err != nil {
		b.Fatal(err)
	}
	for _, writers := range []int{1, 4} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchmarkBatch(b, store, writers) })
	}
}

func benchmarkBatch(b *testing.B, store *history.Store, writers int) {
	b.Helper()
	const batch = 200
	at := time.Now()
	written := 0
	for b.Loop() {
		var writing sync.WaitGroup
		for range writers {
			results := make([]*probe.Result, 0, batch)
			for range batch {
				at = at.Add(time.Millisecond)
				r := run(fmt.Sprintf("p%d", written%1000), at, 200)
				_, _ = rand.Read(r.Trace[:])
				results = append(results, r)
				written++
			}
			writing.Go(func() {
				w := history.NewWriter(store, history.WriterOptions{Retention: history.DefaultRetention(), Logger: slog.New(slog.DiscardHandler)})
				writtenBy(w, results...)
				if err := w.Status().Fault; err != nil && !errors.Is(err, context.Canceled) {
					b.Error(err)
				}
			})
		}
		writing.Wait()
	}
	b.ReportMetric(float64(written)/b.Elapsed().Seconds(), "results/s")
}
