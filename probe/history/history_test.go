package history_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/database"
	"squarewatch/probe/history"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // the driver; the program imports it in cmd
	"pgregory.net/rapid"
)

// openHistory is a store with a running writer.
type openHistory struct {
	*history.Store
	*history.Writer

	db   *sql.DB
	log  *strings.Builder
	stop func()
}

func open(tb testing.TB, path string) *openHistory {
	tb.Helper()
	b := &openHistory{log: &strings.Builder{}}
	logger := slog.New(slog.NewTextHandler(b.log, nil))
	db := openDatabase(tb, path, logger)
	var err error
	if b.Store, err = history.NewStore(tb.Context(), db); err != nil {
		tb.Fatal(err)
	}
	b.db = db
	b.Writer = history.NewWriter(b.Store, history.WriterOptions{Retention: history.DefaultRetention(), Logger: logger, Room: 600})
	ctx, cancel := context.WithCancel(tb.Context())
	var running sync.WaitGroup
	running.Go(func() { b.Writer.Run(ctx) })
	b.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		_ = db.Close()
	})
	tb.Cleanup(b.stop)
	return b
}

func run(name string, at time.Time, code int) *probe.Result {
	class := probe.ClassOfStatus(code)
	r := &probe.Result{
		Probe: name, Credential: "partner", Intended: at.Add(-2 * time.Second), Start: at.Add(-time.Second), End: at.Round(0).UTC(),
		Class: class, Code: code, Expected: class == probe.Success, Trace: probe.TraceID{1, 2}, Span: probe.SpanID{3},
		Attempts: []probe.Attempt{{Start: at.Add(-time.Second), End: at.Add(-500 * time.Millisecond)}},
	}
	if !r.Expected {
		r.Reason, r.Excerpt, r.Blame = "answered "+strconv.Itoa(code), "oh no", probe.BlameUnknown
		r.Advice = "a run with another credential would tell"
		r.Evidence = []probe.Evidence{{For: probe.BlameAPI, Text: "two credentials are refused", At: r.End}}
	}
	return r
}

func all(t *testing.T, b *openHistory, since, until time.Time) []*probe.Result {
	t.Helper()
	var list []*probe.Result
	for r, err := range b.Runs(t.Context(), since, until) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

func TestRunsAreReadAsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		b := open(t, path)
		begin := time.Now()
		var want []*probe.Result
		for i, code := range []int{200, 500, 401} {
			r := run("a", begin.Add(time.Duration(i)*time.Second), code)
			b.Finished(r)
			kept := *r
			kept.Attempts, kept.Intended, kept.Start = nil, r.Intended.Round(0).UTC(), r.Start.Round(0).UTC()
			want = append(want, &kept)
		}
		b.Missed(probe.Miss{Probe: "a", Intended: begin, Reason: probe.MissGap, Count: 3})
		<-time.After(2 * time.Second)
		if diff := cmp.Diff(want, all(t, b, begin.Add(-time.Hour), begin.Add(time.Hour))); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		last, err := b.Last(t.Context(), "a", 2, begin.Add(time.Hour))
		if diff := cmp.Diff(want[1:], last); diff != "" || err != nil {
			t.Errorf("the last two, %v, -want +got:\n%s", err, diff)
		}
		var at, expected, trace string
		row := b.db.QueryRowContext(t.Context(), `SELECT at, expected, trace_id FROM runs_readable WHERE code = 500`)
		if err := row.Scan(&at, &expected, &trace); err != nil || at != "2000-01-01 00:00:01.000" || expected != "no" ||
			!strings.HasPrefix(trace, "0102") {
			t.Errorf("want rows that a person can read, got %q %q %q, %v", at, expected, trace, err)
		}
		var missed int
		if err := b.db.QueryRowContext(t.Context(), `SELECT sum(runs) FROM misses_readable WHERE reason = 'gap'`).Scan(&missed); err != nil ||
			missed != 3 {
			t.Errorf("want three missed runs, got %d, %v", missed, err)
		}
	})
}

// openStore opens a new database without a writer.
func openStore(tb testing.TB) *history.Store {
	tb.Helper()
	db := openDatabase(tb, filepath.Join(tb.TempDir(), "x.db"), slog.New(slog.DiscardHandler))
	tb.Cleanup(func() { _ = db.Close() })
	store, err := history.NewStore(tb.Context(), db)
	if err != nil {
		tb.Fatal(err)
	}
	return store
}

// written writes a batch and returns when it is on the disk.
func written(store *history.Store, results ...*probe.Result) {
	writtenBy(history.NewWriter(store, history.WriterOptions{
		Retention: history.DefaultRetention(), Logger: slog.New(slog.DiscardHandler),
	}), results...)
}

// writtenBy writes a batch with a writer that may have written earlier ones.
func writtenBy(w *history.Writer, results ...*probe.Result) {
	for _, r := range results {
		w.Finished(r)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	w.Run(ended)
}

func TestRollupsAreTheSumsOfRuns(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Now().Truncate(time.Hour)
	rapid.Check(t, func(t *rapid.T) {
		begin = begin.Add(time.Hour) // each case has its own hour
		seconds := rapid.SliceOfN(rapid.IntRange(0, 300), 1, 60).Draw(t, "seconds")
		codes := rapid.SliceOfN(rapid.SampledFrom([]int{200, 200, 500, 503}), len(seconds), len(seconds)).Draw(t, "codes")
		cut := rapid.IntRange(0, len(seconds)).Draw(t, "batches")
		want := map[string]int{}
		var results []*probe.Result
		for i, s := range seconds {
			r := run("a", begin.Add(time.Duration(s)*time.Second), codes[i])
			r.Intended = r.Intended.Add(time.Duration(i) * time.Microsecond) // in PostgreSQL two runs of one time count once
			results = append(results, r)
			want[fmt.Sprintf("%d %d", s/60, codes[i])]++
		}
		written(b.Store, results[:cut]...)
		written(b.Store, results[cut:]...)
		got := map[string]int{}
		for up, err := range b.Rollups(context.Background(), begin, begin.Add(30*time.Minute)) {
			if err != nil {
				t.Fatal(err)
			}
			got[fmt.Sprintf("%d %d", int(up.Result.End.Sub(begin)/time.Minute)-1, up.Result.Code)] += up.Runs
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}

func TestOldHistoryIsDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	b := open(t, path)
	now := time.Now().Truncate(time.Hour)
	var results []*probe.Result
	for i := range 40 {
		results = append(results, run("a", now.Add(-time.Duration(i)*time.Hour-time.Minute), 200))
		b.Missed(probe.Miss{Probe: "a", Intended: now.Add(-time.Duration(i)*time.Hour - time.Minute), Reason: probe.MissLimit, Count: 1})
	}
	written(b.Store, results...)
	b.stop()
	b = open(t, path)
	if err := b.Forget(t.Context(), history.Retention{Runs: 2 * time.Hour, Rollups: 24 * time.Hour}, now); err != nil {
		t.Fatal(err)
	}
	runs := `SELECT count(*) FROM runs`
	if database.IsPostgres(b.db) { // it keeps the day whole
		runs = fmt.Sprintf(`SELECT count(*) FROM runs WHERE ended >= %d`, now.Add(-2*time.Hour).UnixMicro())
	}
	for query, want := range map[string]int{
		runs: 2, `SELECT sum(runs) FROM rollups`: 2, `SELECT sum(runs) FROM hours`: 24, `SELECT count(*) FROM misses`: 24,
	} {
		var got int
		if err := b.db.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: want %d, got %d, %v", query, want, got, err)
		}
	}
}

func TestGapsAreRecorded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		first := open(t, path)
		if last, err := first.LastWatched(t.Context()); err != nil || last.Before(begin) && !last.IsZero() {
			t.Errorf("want no earlier process, got %v, %v", last, err)
		}
		<-time.After(time.Minute)
		first.stop()
		<-time.After(time.Hour)
		second := open(t, path)
		gone := time.Now()
		synctest.Wait()
		gaps, err := second.Gaps(t.Context(), begin.Add(-time.Hour), gone.Add(time.Hour))
		if err != nil || len(gaps) != 1 || !gaps[0].From.Equal(begin.Add(time.Minute)) || !gaps[0].Until.Equal(gone) {
			t.Errorf("want the hour, got %v, %v", gaps, err)
		}
	})
}

func TestFullDiskStopsOnlyTheHistory(t *testing.T) {
	onlySQLite(t, "has a limit of its pages")
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		b := open(t, path)
		<-time.After(2 * time.Second)
		limit := func(pages int) {
			if _, err := b.db.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
				t.Fatal(err)
			}
		}
		limit(1) // no more than the file has now
		begin := time.Now()
		for i := range 700 {
			b.Finished(run("a", begin.Add(time.Duration(i)*time.Millisecond), 200))
		}
		<-time.After(5 * time.Second)
		if s := b.Status(); s.Fault == nil || s.Dropped != 100 {
			t.Errorf("want the fault, and 100 runs dropped, got %+v", s)
		}
		limit(1 << 30)
		<-time.After(15 * time.Second)
		if s := b.Status(); s.Fault != nil {
			t.Errorf("want no fault any more, got %v", s.Fault)
		}
		if got := len(all(t, b, begin.Add(-time.Hour), begin.Add(time.Hour))); got != 600 {
			t.Errorf("want the runs that waited written, got %d", got)
		}
		b.stop()
		if text := b.log.String(); strings.Count(text, "cannot write history") != 1 || strings.Count(text, "history is written again") != 1 {
			t.Errorf("want both changes logged once, got %s", text)
		}
	})
}

func TestInvalidRetention(t *testing.T) {
	for _, bad := range []history.Retention{{Runs: time.Minute, Rollups: 90 * 24 * time.Hour}, {
		Runs:    72 * time.Hour,
		Rollups: 24 * time.Hour,
	}} {
		if err := bad.Validate(); err == nil {
			t.Errorf("want %+v refused", bad)
		}
	}
	if err := history.DefaultRetention().Validate(); err != nil {
		t.Error(err)
	}
}
