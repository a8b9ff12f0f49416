package history_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"squarewatch/probe"
	"squarewatch/probe/database"
	"squarewatch/probe/history"
)

// lasting returns a run with a latency. It waits for nine tenths of it. The detail of a bad run is kept.
func lasting(name string, end time.Time, code int, latency time.Duration) *probe.Result {
	r := run(name, end, code)
	r.Trace = probe.TraceID{byte(end.UnixMicro()), byte(end.UnixMicro() >> 8), byte(end.UnixMicro() >> 16), byte(end.UnixMicro() >> 24), 1}
	a := &r.Attempts[0]
	a.End = a.Start.Add(latency)
	sent := a.Start.Add(latency / 10)
	a.Phases = []probe.Phase{{Kind: probe.PhaseSend, Start: a.Start, End: sent}, {Kind: probe.PhaseWait, Start: sent, End: a.End}}
	return r
}

// fill fills a store with runs at equal distances: one in the first minute of an hour takes 1 ms, one in the last minute 60 ms. They are
// all bad, so that their phases are known.
func fill(b *openHistory, begin time.Time, length, every time.Duration) {
	var runs []*probe.Result
	for at := time.Duration(0); at < length; at += every {
		runs = append(runs, lasting("a", begin.Add(at), 500, at%time.Hour/1000/60+time.Millisecond))
	}
	w := history.NewWriter(b.Store, history.WriterOptions{Retention: history.DefaultRetention(), Logger: slog.New(slog.DiscardHandler)})
	writtenBy(w, runs...)
}

// near fails the test unless a duration is within 4.4 % of another.
func near(t *testing.T, what string, want, got time.Duration) {
	t.Helper()
	if float64((got - want).Abs()) > 0.044*float64(want) {
		t.Errorf("%s: want about %v, got %v", what, want, got)
	}
}

func TestPercentilesAreKeptAfterTheirRuns(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 0, 0, 0, 0, time.UTC)
	fill(b, begin, 24*time.Hour, time.Minute)
	now := begin.Add(24*time.Hour + 2*time.Minute)
	if err := b.Forget(t.Context(), history.Retention{Runs: time.Hour, Rollups: 90 * 24 * time.Hour}, now); err != nil {
		t.Fatal(err)
	}
	if database.IsPostgres(b.db) { // it keeps the day whole
		if _, err := b.db.ExecContext(t.Context(), `DELETE FROM runs WHERE ended < ?`, now.Add(-time.Hour).UnixMicro()); err != nil {
			t.Fatal(err)
		}
	}
	if left := all(t, b, begin, begin.Add(22*time.Hour)); len(left) > 0 {
		t.Fatalf("want the single runs deleted, got %d", len(left))
	}
	got, err := b.Buckets(t.Context(), "a", begin, now, 3*time.Hour)
	if err != nil || len(got) != 8 {
		t.Fatalf("want eight parts, got %+v, %v", got, err)
	}
	for _, part := range got {
		if part.Runs != 180 {
			t.Errorf("want 180 runs, got %d", part.Runs)
		}
		near(t, "p50", 30*time.Millisecond, part.P50)
		near(t, "p95", 57*time.Millisecond, part.P95)
		near(t, "p99", 60*time.Millisecond, part.P99)
	}
	phases, err := b.Phases(t.Context(), "a", begin, now, 3*time.Hour)
	if err != nil || len(phases) != 16 {
		t.Fatalf("want two phases in each part, got %+v, %v", phases, err)
	}
	for _, p := range phases {
		want := map[probe.PhaseKind]time.Duration{probe.PhaseSend: 3050 * time.Microsecond, probe.PhaseWait: 27450 * time.Microsecond}[p.Kind]
		if p.Mean != want || p.Length != 3*time.Hour {
			t.Errorf("want %s in %v of %v, got %+v", p.Kind, want, 3*time.Hour, p)
		}
	}
}

func TestPercentilesOfTheCurrentHour(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	fill(b, begin, 20*time.Hour+10*time.Minute, time.Minute)
	if err := b.Summarise(t.Context(), begin.Add(20*time.Hour+30*time.Second)); err != nil { // the hour before is not settled
		t.Fatal(err)
	}
	until := begin.Add(20*time.Hour + 10*time.Minute)
	got, err := b.Buckets(t.Context(), "a", begin, until, time.Hour)
	if err != nil || len(got) != 21 {
		t.Fatalf("want 21 hours, got %d, %v", len(got), err)
	}
	for _, part := range got[:20] {
		near(t, "p50", 30*time.Millisecond, part.P50)
	}
	near(t, "p50 of the runs until then", 5*time.Millisecond, got[20].P50)
}

func TestRunsAreKeptUntilTheirHourIsSummarised(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 0, 0, 0, 0, time.UTC)
	fill(b, begin, 24*time.Hour, time.Minute)
	keep := history.Retention{Runs: time.Hour, Rollups: 90 * 24 * time.Hour}
	for at := time.Duration(0); at < 27*time.Hour; at += 17 * time.Minute { // at different minutes of the hour
		if err := b.Forget(t.Context(), keep, begin.Add(at)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := b.Buckets(t.Context(), "a", begin, begin.Add(27*time.Hour), time.Hour)
	if err != nil || len(got) != 24 {
		t.Fatalf("want 24 hours, got %d, %v", len(got), err)
	}
	for _, part := range got {
		near(t, "p99 from "+part.Begin.String(), 60*time.Millisecond, part.P99)
	}
}

func TestOldHoursBecomeDays(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 0, 0, 0, 0, time.UTC)
	fill(b, begin, 11*24*time.Hour, 10*time.Minute)
	now := begin.Add(11*24*time.Hour + 2*time.Minute)
	read := func() []history.Bucket {
		list, err := b.Buckets(t.Context(), "a", begin, now, 24*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if err := b.Summarise(t.Context(), begin.Add(7*24*time.Hour+2*time.Minute)); err != nil { // no day is old yet
		t.Fatal(err)
	}
	before := read()[:7]
	if err := b.Summarise(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, read()[:7]); diff != "" {
		t.Errorf("days are not what their hours were, -hours +days:\n%s", diff)
	}
	var days, hours int
	const count = `SELECT sum(CASE hours WHEN 24 THEN 1 END), sum(CASE hours WHEN 1 THEN 1 END) FROM latencies`
	if err := b.db.QueryRowContext(t.Context(), count).Scan(&days, &hours); err != nil || days != 3 || hours != 8*24 {
		t.Errorf("want three days and the hours of eight, got %d and %d, %v", days, hours, err)
	}
}

// TestOldHoursBecomeDaysWithoutRunsAtMidnight has probes that run by day only.
func TestOldHoursBecomeDaysWithoutRunsAtMidnight(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 0, 0, 0, 0, time.UTC)
	for i := range 11 {
		fill(b, begin.AddDate(0, 0, i).Add(8*time.Hour), 2*time.Hour, 10*time.Minute)
	}
	if err := b.Summarise(t.Context(), begin.AddDate(0, 0, 11)); err != nil {
		t.Fatal(err)
	}
	var days, hours int
	const count = `SELECT sum(CASE hours WHEN 24 THEN 1 END), sum(CASE hours WHEN 1 THEN 1 END) FROM latencies`
	if err := b.db.QueryRowContext(t.Context(), count).Scan(&days, &hours); err != nil || days != 3 || hours != 8*2 {
		t.Errorf("want three days and the hours of eight, got %d and %d, %v", days, hours, err)
	}
}

func TestPercentilesThatAreNotKnown(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 0, 0, 0, 0, time.UTC)
	fill(b, begin, 24*time.Hour, time.Minute)
	// A version without summaries deleted the runs of twelve hours.
	if _, err := b.db.ExecContext(t.Context(), `DELETE FROM runs WHERE ended < ?`, begin.Add(12*time.Hour).UnixMicro()); err != nil {
		t.Fatal(err)
	}
	now := begin.Add(24*time.Hour + 2*time.Minute)
	if err := b.Summarise(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	got, err := b.Buckets(t.Context(), "a", begin, now, 3*time.Hour)
	if err != nil || len(got) != 8 {
		t.Fatalf("want eight parts, got %+v, %v", got, err)
	}
	for i, part := range got {
		if known := part.P99 > 0; part.Runs != 180 || known != (i >= 4) {
			t.Errorf("want percentiles from the fifth part on, got %+v", part)
		}
	}
	if got, err = b.Buckets(t.Context(), "a", begin, now, 24*time.Hour); err != nil || len(got) != 1 || got[0].P50 != 0 {
		t.Errorf("want no percentiles of a day of which half is not known, got %+v, %v", got, err)
	}
}

func TestADaemonSummarisesTheHoursBeforeItsUpgrade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		b := open(t, path)
		begin := time.Now().Truncate(time.Hour).Add(-24 * time.Hour)
		fill(b, begin, 24*time.Hour, time.Minute)
		<-time.After(3 * time.Minute)
		b.stop()
		b = open(t, path)
		var hours int
		if err := b.db.QueryRowContext(t.Context(), `SELECT count(*) FROM latencies`).Scan(&hours); err != nil || hours != 24 {
			t.Errorf("want 24 hours, got %d, %v", hours, err)
		}
		b.stop()
	})
}

func TestAClockThatWasAheadDoesNotStopSummaries(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 0, 0, 0, 0, time.UTC)
	fill(b, begin.Add(1000*time.Hour), time.Hour, time.Minute)
	if err := b.Summarise(t.Context(), begin.Add(1002*time.Hour)); err != nil {
		t.Fatal(err)
	}
	fill(b, begin, 24*time.Hour, time.Minute)
	if err := b.Summarise(t.Context(), begin.Add(25*time.Hour)); err != nil {
		t.Fatal(err)
	}
	var hours int
	if err := b.db.QueryRowContext(t.Context(), `SELECT count(*) FROM latencies`).Scan(&hours); err != nil || hours != 25 {
		t.Errorf("want the hour ahead and 24, got %d, %v", hours, err)
	}
}

func TestReloadsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	synctest.Test(t, func(t *testing.T) {
		b := open(t, path)
		begin := time.Now()
		<-time.After(time.Minute)
		reload := time.Now()
		b.Reloaded(reload)
		<-time.After(time.Second)
		b.stop()
		b = open(t, path)
		<-time.After(time.Minute)
		got, err := b.ConfigurationTimes(t.Context(), begin.Add(-time.Hour), begin.Add(time.Minute+time.Second), 10)
		if diff := cmp.Diff([]time.Time{begin.UTC().Round(0), reload.UTC().Round(0)}, got); err != nil || diff != "" {
			t.Errorf("want the start and the reload before the restart, %v, -want +got:\n%s", err, diff)
		}
		got, err = b.ConfigurationTimes(t.Context(), begin.Add(-time.Hour), time.Now(), 2)
		if err != nil || len(got) != 2 || !got[0].Equal(reload) {
			t.Errorf("want the newest two, got %v, %v", got, err)
		}
		b.stop()
	})
}
