package dispatch_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/dispatch"
)

func TestRateSpreadsTheStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entries := equalEntries(100, "* * * * *", time.Millisecond)
		limits := dispatch.DefaultLimits()
		limits.PerHost, limits.Rate = 256, 10
		l := runFor(t, dispatch.Options{Entries: entries, Limits: limits}, 90*time.Second)
		perSecond := map[int64]int{}
		for _, r := range l.runs {
			perSecond[r.Start.Unix()]++
		}
		for second, n := range perSecond {
			if n > 11 {
				t.Errorf("second %d: want at most 10 or 11 starts, got %d", second, n)
			}
		}
		if len(l.runs) != 100 || l.runs[99].Lateness() < 9*time.Second {
			t.Errorf("want 100 runs, the last about 10s late, got %d", len(l.runs))
		}
	})
}

// TestRunsBeyondTheRateAreMissedByTheLimit has more runs due than the rate allows. They are missed by the limit, because the runs
// are short.
func TestRunsBeyondTheRateAreMissedByTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entries := equalEntries(20, "@every 1s", time.Millisecond)
		limits := dispatch.DefaultLimits()
		limits.Rate = 5
		l := runFor(t, dispatch.Options{Entries: entries, Limits: limits}, 20*time.Second)
		if n := len(l.runs); n < 95 || n > 105 {
			t.Errorf("want 100 of 400 runs, got %d", n)
		}
		// A run that has not ended when the next one is due is an overrun.
		if limited, overrun := l.missed(probe.MissLimit), l.missed(probe.MissOverrun); limited < 270 || overrun > 10 {
			t.Errorf("want the others missed by the limit, got %d by the limit and %d by overrun", limited, overrun)
		}
	})
}

// TestRateCountsRequests has runs of three requests each, as with redirects, confirmations and logins.
func TestRateCountsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entries := equalEntries(20, "@every 1s", time.Millisecond)
		for i := range entries {
			run := entries[i].Run
			entries[i].Run = func(ctx context.Context, intended time.Time) *probe.Result {
				r := run(ctx, intended)
				r.Attempts, r.Renewals = make([]probe.Attempt, 2), make([]probe.Renewal, 1)
				return r
			}
		}
		limits := dispatch.DefaultLimits()
		limits.Rate = 6
		l := runFor(t, dispatch.Options{Entries: entries, Limits: limits}, time.Minute)
		// Runs that were admitted before the first one ended are not delayed: a burst at the start.
		if n := len(l.runs); n < 115 || n > 140 {
			t.Errorf("want 2 runs a second for a minute, got %d", n)
		}
	})
}

// TestRateIsKeptOverReloads reloads every 12 s while more runs are due than the rate allows.
func TestRateIsKeptOverReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		entries := equalEntries(100, "@every 10s", time.Millisecond)
		limits := dispatch.Limits{Concurrency: 256, PerHost: 256, Rate: 2}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var running sync.WaitGroup
		from := dispatch.Handover{Since: time.Now()}
		for range 5 {
			d := dispatch.New(dispatch.Options{Entries: entries, Sinks: []probe.Sink{l}, Limits: limits})
			running.Go(func() { d.Run(ctx, from) })
			<-d.Armed()
			<-time.After(12 * time.Second)
			from = d.Stop()
		}
		running.Wait()
		if n := len(l.runs); n < 115 || n > 121 {
			t.Errorf("want 2 runs a second for a minute, got %d", n)
		}
	})
}
