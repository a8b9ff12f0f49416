package history_test

import (
	"path/filepath"
	"testing"
	"time"

	"squarewatch/probe"
)

func TestBucketsOfAProbe(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	written(b.Store, run("a", begin.Add(5*time.Second), 200), run("a", begin.Add(50*time.Second), 500),
		run("a", begin.Add(130*time.Second), 200), run("b", begin.Add(5*time.Second), 500))
	for _, length := range []time.Duration{time.Minute, time.Hour} {
		got, err := b.Buckets(t.Context(), "a", begin, begin.Add(time.Hour), length)
		if err != nil {
			t.Fatal(err)
		}
		runs, bad := 0, 0
		for i := range got {
			runs += got[i].Runs
			bad += got[i].Bad
		}
		want := map[time.Duration]int{time.Minute: 2, time.Hour: 1}[length]
		if len(got) != want || runs != 3 || bad != 1 || !got[0].Begin.Equal(begin) || got[0].Bad != 1 {
			t.Errorf("in parts of %v: %d parts with %d runs, %d of them bad: %+v", length, len(got), runs, bad, got)
		}
	}
}

func TestPercentilesOfAProbe(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	var runs []*probe.Result
	for i := range 100 { // latencies of 1 to 100 ms, in a mixed order
		r := run("a", begin.Add(time.Duration(i)*100*time.Millisecond), 200)
		r.Attempts = []probe.Attempt{{Start: r.Start, End: r.Start.Add(time.Duration(i*37%100+1) * time.Millisecond)}}
		runs = append(runs, r)
	}
	single := run("a", begin.Add(time.Minute), 200)
	single.Attempts[0].End = single.Attempts[0].Start.Add(7 * time.Millisecond)
	written(b.Store, append(runs, single)...)
	got, err := b.Buckets(t.Context(), "a", begin, begin.Add(time.Hour), time.Minute)
	if err != nil || len(got) != 2 {
		t.Fatalf("want two parts, got %+v, %v", got, err)
	}
	const ms = time.Millisecond
	if p := got[0]; p.P50 != 50*ms || p.P95 != 95*ms || p.P99 != 99*ms || p.Slowest != 100*ms {
		t.Errorf("want 50, 95, 99 and 100 ms, got %+v", p)
	}
	if p := got[1]; p.P50 != 7*ms || p.P95 != 7*ms || p.P99 != 7*ms {
		t.Errorf("want 7 ms of the only run, got %+v", p)
	}
}

func TestPhasesOfAProbe(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	var runs []*probe.Result
	for i, wait := range []time.Duration{10 * time.Millisecond, 30 * time.Millisecond} {
		r := run("a", begin.Add(time.Duration(i)*time.Second), 500)
		r.Trace = probe.TraceID{byte(i + 1)}
		dns := r.Start.Add(2 * time.Millisecond)
		r.Attempts[0].Phases = []probe.Phase{
			{Kind: probe.PhaseDNS, Start: r.Start, End: dns}, {Kind: probe.PhaseWait, Start: dns, End: dns.Add(wait)},
		}
		runs = append(runs, r)
	}
	written(b.Store, append(runs, run("b", begin, 500))...)
	got, err := b.Phases(t.Context(), "a", begin.Add(-time.Minute), begin.Add(time.Hour), 10*time.Minute)
	if err != nil || len(got) != 2 {
		t.Fatalf("want two phases, got %+v, %v", got, err)
	}
	for _, p := range got {
		want := map[probe.PhaseKind]time.Duration{probe.PhaseDNS: 2 * time.Millisecond, probe.PhaseWait: 20 * time.Millisecond}[p.Kind]
		if p.Mean != want || !p.Begin.Equal(begin) {
			t.Errorf("want a mean of %v, got %+v", want, p)
		}
	}
}

func TestRollupsOfAProbe(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	written(b.Store, run("a", begin.Add(5*time.Second), 200), run("a", begin.Add(50*time.Second), 500),
		run("a", begin.Add(130*time.Second), 200), run("b", begin.Add(5*time.Second), 500))
	for length, want := range map[time.Duration]int{time.Minute: 3, time.Hour: 2} {
		got, err := b.RollupsOf(t.Context(), "a", begin, begin.Add(time.Hour), length)
		if err != nil || len(got) != want {
			t.Fatalf("want %d roll-ups, got %+v, %v", want, got, err)
		}
		runs := 0
		for i := range got {
			runs += got[i].Runs
		}
		if runs != 3 || !got[0].Begin().Equal(begin) || got[0].Length != length {
			t.Errorf("want 3 runs from the beginning on, got %+v", got)
		}
	}
}
