package history_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"squarewatch/config/setting"
	"squarewatch/probe"
	"squarewatch/probe/history"
)

// spread gives a run a latency of 50 to 450 ms. A summary of such runs needs about as much room as one of an API.
func spread(r *probe.Result) {
	a := &r.Attempts[0]
	latency := time.Duration(50+int(r.Trace[0])+int(r.Trace[1])%145) * time.Millisecond
	for i := range a.Phases {
		share := latency / time.Duration(len(a.Phases))
		a.Phases[i].Start, a.Phases[i].End = a.Start.Add(time.Duration(i)*share), a.Start.Add(time.Duration(i+1)*share)
	}
	a.End = a.Start.Add(latency)
}

// filled returns a store in which each of some probes has a run every 30 s.
func filled(t *testing.T, probes int, begin time.Time, length time.Duration) *history.Store {
	t.Helper()
	store := openStore(t)
	var results []*probe.Result
	for at := time.Duration(0); at < length; at += 30 * time.Second {
		for i := range probes {
			r := detailed(fmt.Sprintf("collections-%03d", i), begin.Add(at).Add(time.Duration(i)*time.Millisecond), 200)
			_, _ = rand.Read(r.Trace[:])
			_, _ = rand.Read(r.Span[:])
			spread(r)
			results = append(results, r)
		}
	}
	w := history.NewWriter(store, history.WriterOptions{Retention: history.DefaultRetention(), Logger: slog.New(slog.DiscardHandler)})
	for batch := range slices.Chunk(results, 1000) {
		writtenBy(w, batch...)
	}
	return store
}

func TestEstimateIsWhatIsNeeded(t *testing.T) {
	onlySQLite(t, "has this estimate")
	const probes, length = 50, 3 * time.Hour
	begin := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	store := filled(t, probes, begin, length)
	if err := store.Summarise(t.Context(), begin.Add(length+time.Hour)); err != nil {
		t.Fatal(err)
	}
	used, err := store.Used(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	perDay := make([]float64, probes)
	for i := range perDay {
		perDay[i] = 24 * 120
	}
	estimate := history.Retention{Runs: length, Rollups: length}.Estimate(perDay)
	t.Logf("%d runs need %s, estimated %s", probes*int(length/(30*time.Second)), setting.Size(used), estimate)
	if ratio := float64(estimate) / float64(used); ratio < 0.85 || ratio > 1.25 {
		t.Errorf("want an estimate near %s, got %s", setting.Size(used), estimate)
	}
}

func TestThousandProbesAtHalfAMinuteFor90DaysNeedLessThan2GiB(t *testing.T) {
	perDay := make([]float64, 1000)
	for i := range perDay {
		perDay[i] = 24 * 120
	}
	if got := history.DefaultRetention().Estimate(perDay); got > 2<<30 {
		t.Errorf("want at most 2 GiB, got %s", got)
	}
}

func TestOldestHistoryIsDeletedAboveTheSize(t *testing.T) {
	onlySQLite(t, "gives back the room of single rows")
	begin := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	store := filled(t, 50, begin, 4*time.Hour)
	before, err := store.Used(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := begin.Add(4 * time.Hour)
	keep := history.DefaultRetention()
	keep.Size = setting.Size(before / 2)
	if err := store.Forget(t.Context(), keep, now); err != nil {
		t.Fatal(err)
	}
	if used, err := store.Used(t.Context()); err != nil || used > before/2 || used < before/8 {
		t.Errorf("want about half of %d bytes, got %d, %v", before, used, err)
	}
	for up, err := range store.Rollups(t.Context(), begin.Add(-time.Hour), now) {
		if err != nil || !up.Begin().Equal(begin) || up.Length != time.Hour {
			t.Errorf("want the first hour kept as the roll-up of the hour, got %v %v, %v", up.Begin(), up.Length, err)
		}
		break
	}
}
