package history_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/history"

	"github.com/google/go-cmp/cmp"
)

func TestSeveralProbesAreReadLikeOne(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	refused := detailed("a", begin.Add(3*time.Minute), 401)
	refused.Expected = true
	written(b.Store, detailed("a", begin, 200), detailed("a", begin.Add(time.Minute), 500),
		detailed("a", begin.Add(2*time.Minute), 200), refused, detailed("b", begin.Add(time.Minute), 200),
		detailed("c", begin.Add(time.Minute), 500))
	names, end := []string{"a", "b", "it's \"not\" there"}, begin.Add(time.Hour)
	runs, err := b.RunsOfEach(t.Context(), names, begin, end, 2)
	if err != nil || len(runs) != 2 {
		t.Fatalf("want the runs of two probes, got %d, %v", len(runs), err)
	}
	for name, got := range runs {
		want, err := b.RunsOf(t.Context(), name, begin, end, 2)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v, -want +got:\n%s", name, err, diff)
		}
	}
	for _, length := range []time.Duration{time.Minute, time.Hour} {
		buckets, err := b.BucketsOfEach(t.Context(), names, begin, end, length)
		if err != nil || len(buckets) != 2 {
			t.Fatalf("want the parts of two probes, got %d, %v", len(buckets), err)
		}
		for name, got := range buckets {
			want, err := b.Buckets(t.Context(), name, begin, end, length)
			want[len(want)-1].Refused = map[string]int{"a": 1}[name]
			for i := range want {
				want[i].P50, want[i].P95, want[i].P99 = 0, 0, 0 // only Buckets knows them
			}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s in parts of %v: %v, -want +got:\n%s", name, length, err, diff)
			}
		}
	}
}

func TestMissesOfAllProbes(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	w := history.NewWriter(b.Store, history.WriterOptions{Retention: history.DefaultRetention()})
	all := []probe.Miss{
		{Probe: "a", Intended: begin, Reason: probe.MissLimit, Count: 1},
		{Probe: "b", Intended: begin.Add(time.Minute), Reason: probe.MissGap, Count: 3},
		{Probe: "a", Intended: begin.Add(2 * time.Minute), Reason: probe.MissGap, Count: 2},
	}
	for _, m := range all {
		w.Missed(m)
	}
	writtenBy(w)
	got, err := b.Misses(t.Context(), begin.Add(-time.Second), begin.Add(time.Hour), 2)
	if diff := cmp.Diff(all[1:], got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

// BenchmarkEach reads what the page shows of 100 probes among 1,000: their newest 60 runs, their last hour in minutes and their last week
// in parts of three hours. The history has all runs of an hour, one in 30 s, and the hours of a week.
func BenchmarkEach(b *testing.B) {
	store := openStore(b)
	end := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	var names []string
	var results []*probe.Result
	for i := range 1000 {
		name := fmt.Sprintf("p%d", i)
		for k := range 120 {
			results = append(results, run(name, end.Add(-time.Duration(k)*30*time.Second), 200))
		}
		for k := range 7 * 24 {
			results = append(results, run(name, end.Add(-time.Duration(k)*time.Hour), 200))
		}
		if i%10 == 0 {
			names = append(names, name)
		}
		if i%50 == 49 {
			written(store, results...)
			results = results[:0]
		}
	}
	b.Run("runs", func(b *testing.B) {
		for b.Loop() {
			if got, err := store.RunsOfEach(b.Context(), names, end.Add(-24*time.Hour), end, 60); err != nil || len(got) != 100 {
				b.Fatalf("got %d, %v", len(got), err)
			}
		}
	})
	for name, c := range map[string][2]time.Duration{"1h": {time.Hour, time.Minute}, "7d": {7 * 24 * time.Hour, 3 * time.Hour}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if got, err := store.BucketsOfEach(b.Context(), names, end.Add(-c[0]), end, c[1]); err != nil || len(got) != 100 {
					b.Fatalf("got %d, %v", len(got), err)
				}
			}
		})
	}
}
