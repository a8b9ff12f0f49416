package dispatch_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/dispatch"

	"github.com/google/go-cmp/cmp"
)

// reloads runs an entry for two minutes, with a new dispatcher after each pause.
func reloads(t *testing.T, entry dispatch.Entry, pauses ...time.Duration) *ledger {
	t.Helper()
	l := &ledger{}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var running sync.WaitGroup
	from := dispatch.Handover{Since: time.Now()}
	for _, pause := range append(pauses, 2*time.Minute) {
		d := dispatch.New(dispatch.Options{Entries: []dispatch.Entry{entry}, Sinks: []probe.Sink{l}, Limits: dispatch.DefaultLimits()})
		running.Go(func() { d.Run(ctx, from) })
		<-d.Armed()
		<-time.After(pause)
		from = d.Stop()
	}
	running.Wait()
	return l
}

// TestRunsDoNotOverlapOverReloads has runs of 25 s that are due every 10 s. While one continues over a reload, the next ones are
// missed, as they are without a reload.
func TestRunsDoNotOverlapOverReloads(t *testing.T) {
	for name, pauses := range map[string][]time.Duration{
		"none": nil, "one": {14 * time.Second}, "two before it is due again": {14 * time.Second, 100 * time.Millisecond},
		"many": {14 * time.Second, time.Second, 8 * time.Second, 20 * time.Second, 30 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			now, most := 0, 0
			slow := taking("slow", "@every 10s", 25*time.Second)
			run := slow.Run
			slow.Run = func(ctx context.Context, intended time.Time) *probe.Result {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				defer func() {
					mu.Lock()
					defer mu.Unlock()
					now--
				}()
				return run(ctx, intended)
			}
			l := reloads(t, slow, pauses...)
			if most != 1 {
				t.Errorf("%s: want one run at a time, got %d", name, most)
			}
			// Of three runs that are due, the first runs and the other two are missed.
			if ran, overrun := len(l.runs), l.missed(probe.MissOverrun); ran+overrun != 12 || overrun != 8 {
				t.Errorf("%s: want 4 runs and 8 overruns, got %d and %d", name, ran, overrun)
			}
		})
	}
}

// TestReloadKeepsTheScheduleOfAFailingProbe has a probe that runs every minute, and every 10 s while it fails. A reload during an
// incident must not slow it down.
func TestReloadKeepsTheScheduleOfAFailingProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := taking("failing", "@every 1m", time.Second)
		failing.Probe.WhileUnexpected = probe.MustSchedule("@every 10s").For("failing")
		run := failing.Run
		failing.Run = func(ctx context.Context, intended time.Time) *probe.Result {
			r := run(ctx, intended)
			r.Class, r.Expected = probe.ServerError, false
			return r
		}
		starts := func(l *ledger) []time.Duration {
			var all []time.Duration
			for _, r := range l.runs {
				all = append(all, r.Intended.Sub(l.runs[0].Intended))
			}
			return all
		}
		if diff := cmp.Diff(starts(reloads(t, failing)), starts(reloads(t, failing, 65*time.Second, 3*time.Second, 20*time.Second))); diff != "" {
			t.Errorf("runs without and with reloads (-without +with):\n%s", diff)
		}
	})
}

// TestAReloadStartsNoRunOfATimeBefore adds a probe, and gives another one a shorter interval. Neither was due before the reload.
func TestAReloadStartsNoRunOfATimeBefore(t *testing.T) {
	for seconds := range 10 { // between the last run and the reload
		synctest.Test(t, func(t *testing.T) {
			l := &ledger{}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var running sync.WaitGroup
			from := dispatch.Handover{Since: time.Now()}
			for i, entries := range [][]dispatch.Entry{
				{taking("kept", "@every 10s", 0), taking("changed", "@every 10s", 0)},
				{taking("kept", "@every 10s", 0), taking("changed", "@every 1s", 0), taking("added", "@every 1s", 0)},
				{taking("kept", "@every 10s", 0), taking("changed", "@every 1s", 0), taking("added", "@every 1s", 0)},
			} {
				d := dispatch.New(dispatch.Options{Entries: entries, Sinks: []probe.Sink{l}, Limits: dispatch.DefaultLimits()})
				running.Go(func() { d.Run(ctx, from) })
				<-d.Armed()
				<-time.After([]time.Duration{time.Duration(11+seconds) * time.Second, time.Millisecond, time.Minute}[i])
				from = d.Stop()
			}
			running.Wait()
			for _, r := range l.runs {
				if r.Lateness() != 0 {
					t.Errorf("want every run at its time, got %s of %v at %v", r.Probe, r.Intended, r.Start)
				}
			}
			if len(l.misses) > 0 {
				t.Errorf("want no miss, got %v", l.misses)
			}
		})
	}
}
