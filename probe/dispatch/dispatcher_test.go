package dispatch_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/dispatch"
)

// ledger is a sink that keeps everything.
type ledger struct {
	mu     sync.Mutex
	runs   []*probe.Result
	misses []probe.Miss
}

func (l *ledger) Finished(r *probe.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs = append(l.runs, r)
}

func (l *ledger) Missed(m probe.Miss) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.misses = append(l.misses, m)
}

func (l *ledger) missed(reason probe.MissReason) (n int) {
	for _, m := range l.misses {
		if m.Reason == reason {
			n += m.Count
		}
	}
	return n
}

// equalEntries returns n entries with one schedule, named p0, p1 and so on. Each run takes d.
func equalEntries(n int, schedule string, d time.Duration) []dispatch.Entry {
	entries := make([]dispatch.Entry, n)
	for i := range entries {
		entries[i] = taking(fmt.Sprintf("p%d", i), schedule, d)
	}
	return entries
}

// taking returns an entry whose runs take d.
func taking(name, schedule string, d time.Duration) dispatch.Entry {
	p := &probe.Probe{Name: name, Schedule: probe.MustSchedule(schedule).For(name)}
	return dispatch.Entry{Probe: p, Host: "api.test", Run: func(ctx context.Context, intended time.Time) *probe.Result {
		r := &probe.Result{Probe: name, Intended: intended, Start: time.Now(), Class: probe.Success, Expected: true}
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			r.Class = probe.ClassNone
		}
		r.End = time.Now()
		return r
	}}
}

// runFor runs a dispatcher for a time. The caller is in a bubble.
func runFor(t *testing.T, options dispatch.Options, during time.Duration) *ledger {
	t.Helper()
	l := &ledger{}
	options.Sinks = []probe.Sink{l}
	if options.Limits == (dispatch.Limits{}) {
		options.Limits = dispatch.DefaultLimits()
	}
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	dispatch.New(options).Run(ctx, dispatch.Handover{Since: time.Now()})
	return l
}

func TestRunsStartExactlyWhenIntended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := runFor(t, dispatch.Options{Entries: []dispatch.Entry{
			taking("a", "@every 10s", time.Second), taking("b", "*/1 * * * *", time.Second),
		}}, time.Hour+500*time.Millisecond)
		count := map[string]int{}
		for _, r := range l.runs {
			count[r.Probe]++
			if r.Lateness() != 0 {
				t.Fatalf("%s was %v late", r.Probe, r.Lateness())
			}
		}
		if count["a"] != 360 || count["b"] != 60 || len(l.misses) != 0 {
			t.Errorf("want 360 and 60 runs and no miss, got %v and %v", count, l.misses)
		}
	})
}

func TestOverrunIsMissedAndRunsNeverOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := runFor(t, dispatch.Options{Entries: []dispatch.Entry{taking("slow", "@every 10s", 25*time.Second)}}, 10*time.Minute)
		for i := 1; i < len(l.runs); i++ {
			if l.runs[i].Start.Before(l.runs[i-1].End) {
				t.Fatalf("run %d began before run %d had ended", i, i-1)
			}
		}
		if len(l.runs) != 20 || l.missed(probe.MissOverrun) != 40 {
			t.Errorf("want 20 runs and 40 overruns, got %d and %d", len(l.runs), l.missed(probe.MissOverrun))
		}
	})
}

func TestRunsWaitForASlotUntilTheirNextTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var entries []dispatch.Entry
		for i := range 4 { // four runs of 20 s at the start of every minute, one at a time: 80 s of work a minute
			entries = append(entries, taking(fmt.Sprintf("p%d", i), "* * * * *", 20*time.Second))
		}
		l := runFor(t, dispatch.Options{Entries: entries, Limits: dispatch.Limits{Concurrency: 1, PerHost: 1}}, time.Hour)
		total := len(l.runs) + l.missed(probe.MissLimit) + l.missed(probe.MissShutdown) + l.missed(probe.MissOverrun)
		if total != 240 || len(l.runs) != 177 { // three a minute, from the first minute
			t.Errorf("want 177 runs of 240 intended, got %d of %d (%v)", len(l.runs), total, l.misses)
		}
		latest := time.Duration(0)
		for _, r := range l.runs {
			latest = max(latest, r.Lateness())
		}
		if latest > time.Minute {
			t.Errorf("a run was %v late, though the next run of its probe was due after 1m", latest)
		}
	})
}

func TestHangingHostDoesNotDelayOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entries := []dispatch.Entry{taking("healthy", "@every 5s", time.Second)}
		for i := range 50 {
			e := taking(fmt.Sprintf("hung-%d", i), "@every 10s", 10*time.Second)
			e.Host = "hung.test"
			entries = append(entries, e)
		}
		l := runFor(t, dispatch.Options{Entries: entries, Limits: dispatch.Limits{Concurrency: 100, PerHost: 4}}, 10*time.Minute)
		n := 0
		for _, r := range l.runs {
			if r.Probe == "healthy" {
				n++
				if r.Lateness() != 0 {
					t.Errorf("the healthy host's probe was %v late", r.Lateness())
				}
			}
		}
		if n != 120 {
			t.Errorf("want 120 runs of the healthy host, got %d", n)
		}
	})
}

func TestStopLetsRunsFinishWithinTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		l := runFor(t, dispatch.Options{Entries: []dispatch.Entry{
			taking("quick", "@every 1s", 500*time.Millisecond), taking("hung", "@every 10s", time.Hour),
		}}, 30*time.Second)
		if took := time.Since(start); took != 35*time.Second {
			t.Errorf("want the end 5s after the stop, got %v", took-30*time.Second)
		}
		if got := l.missed(probe.MissShutdown); got != 1 {
			t.Errorf("want the hung run missed by shutdown, got %v", l.misses)
		}
	})
}

// TestRunsDueDuringAStopAreMissed stops while a run is in progress. Runs that are due before it ends do not start: they are missed.
func TestRunsDueDuringAStopAreMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		d := dispatch.New(dispatch.Options{Sinks: []probe.Sink{l}, Limits: dispatch.DefaultLimits(), Entries: []dispatch.Entry{
			taking("quick", "@every 1s", 100*time.Millisecond), taking("hung", "@every 10s", time.Hour),
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		d.Run(ctx, dispatch.Handover{Since: time.Now()})
		d.MissRest()
		d.MissRest()
		if total := len(l.runs) + l.missed(probe.MissShutdown); total != 37 {
			t.Errorf("want 35 due runs of quick in 35s, and 2 of hung besides the overruns, got %d: %v", total, l.misses)
		}
	})
}

func TestReloadLosesNoRunAndStartsNoneTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		build := func() *dispatch.Dispatcher {
			entries := equalEntries(100, "@every 10s", 30*time.Millisecond)
			return dispatch.New(dispatch.Options{Entries: entries, Sinks: []probe.Sink{l}, Limits: dispatch.DefaultLimits()})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		var running sync.WaitGroup
		from := dispatch.Handover{Since: time.Now()}
		for range 30 {
			d := build()
			running.Go(func() { d.Run(ctx, from) })
			<-d.Armed()
			<-time.After(3333 * time.Millisecond)
			from = d.Stop()
		}
		last := build()
		running.Go(func() { last.Run(ctx, from) })
		running.Wait()
		seen := map[string]bool{}
		for _, r := range l.runs {
			key := r.Probe + r.Intended.String()
			if seen[key] {
				t.Fatalf("%s ran twice for %v", r.Probe, r.Intended)
			}
			seen[key] = true
		}
		if total := len(l.runs) + l.missed(probe.MissShutdown); total != 1000 {
			t.Errorf("want 1000 runs in 100s, got %d (%v)", total, l.misses)
		}
	})
}

func TestPanicEndsOnlyItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := taking("bad", "@every 10s", time.Second)
		e.Run = func(context.Context, time.Time) *probe.Result { panic("boom") }
		l := runFor(t, dispatch.Options{Entries: []dispatch.Entry{e}}, time.Minute)
		if len(l.runs) != 0 || l.missed(probe.MissPanic) != 6 {
			t.Errorf("want 6 misses by panic, got %v", l.misses)
		}
	})
}

func BenchmarkDispatch(b *testing.B) {
	var entries []dispatch.Entry
	done := make(chan struct{}, 1)
	var n int
	var mu sync.Mutex
	var late time.Duration
	for i := range 10_000 {
		name := fmt.Sprintf("p%d", i)
		entries = append(entries, dispatch.Entry{
			Probe: &probe.Probe{Name: name, Schedule: probe.MustSchedule("@every 10s").For(name)},
			Run: func(_ context.Context, intended time.Time) *probe.Result {
				mu.Lock()
				defer mu.Unlock()
				late = max(late, time.Since(intended))
				if n++; n == b.N {
					done <- struct{}{}
				}
				return &probe.Result{Class: probe.Success}
			},
		})
	}
	d := dispatch.New(dispatch.Options{Entries: entries, Limits: dispatch.DefaultLimits()})
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx, dispatch.Handover{Since: time.Now()}) })
	<-done
	cancel()
	running.Wait()
	b.ReportMetric(float64(late.Milliseconds()), "ms-latest")
}

func TestFailingProbesRunFaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := taking("p", "@every 1m", time.Second)
		e.Probe.WhileUnexpected = probe.MustSchedule("@every 10s").For("p")
		begin := time.Now()
		e.Run = func(_ context.Context, intended time.Time) *probe.Result {
			at := time.Since(begin)
			failing := at > 10*time.Minute && at < 20*time.Minute
			return &probe.Result{Probe: "p", Intended: intended, Start: time.Now(), End: time.Now(), Class: probe.Success, Expected: !failing}
		}
		l := runFor(t, dispatch.Options{Entries: []dispatch.Entry{e}}, 30*time.Minute)
		if n := len(l.runs); n < 70 || n > 82 || len(l.misses) != 0 {
			t.Errorf("want about 10 + 55 to 60 + 10 runs and no miss, got %d and %v", n, l.misses)
		}
	})
}
