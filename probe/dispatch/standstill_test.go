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

// TestARunThatSpansAStandstillIsMissed stops the process for 8 s while a request is open. A breach is reported nevertheless, and a run
// that is only slow counts.
func TestARunThatSpansAStandstillIsMissed(t *testing.T) {
	for name, test := range map[string]struct {
		stopped time.Duration
		breach  bool
		want    account
	}{
		"a slow run":                         {0, false, account{ran: 1}},
		"a run that spans a standstill":      {8 * time.Second, false, account{gap: 1}},
		"a breach that spans a standstill":   {8 * time.Second, true, account{ran: 1}},
		"a clock that is set back meanwhile": {-8 * time.Second, false, account{ran: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clock, l, begun := &wall{}, &ledger{}, make(chan struct{})
				entry := taking("p", "@every 10m", 20*time.Second)
				inner := entry.Run
				entry.Run = func(ctx context.Context, intended time.Time) *probe.Result {
					close(begun)
					r := inner(ctx, intended)
					r.Expected, r.Breach = !test.breach, test.breach
					return r
				}
				d := dispatch.New(dispatch.Options{
					Entries: []dispatch.Entry{entry}, Sinks: []probe.Sink{l}, Limits: dispatch.DefaultLimits(), Wall: clock.now,
				})
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				running.Go(func() { d.Run(ctx, dispatch.Handover{Since: clock.now()}) })
				<-begun
				<-time.After(5 * time.Second)
				clock.set(test.stopped)
				<-time.After(20 * time.Second)
				cancel()
				running.Wait()
				if got := l.account("p"); got != test.want {
					t.Errorf("want %+v, got %+v", test.want, got)
				}
			})
		})
	}
}
