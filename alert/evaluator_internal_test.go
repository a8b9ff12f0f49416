package alert

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
)

// TestAStandstillDoesNotFireNoData lets the process stand still for an hour while the evaluator sleeps. The rule no-data must not fire,
// whatever wakes the evaluator first.
func TestAStandstillDoesNotFireNoData(t *testing.T) {
	for name, wakes := range map[string]func(*Evaluator){
		"its own deadline": func(*Evaluator) { <-time.After(2 * maxSleep) },
		"a run of another probe": func(v *Evaluator) {
			v.Finished(&probe.Result{Probe: "a", Start: v.wall(), End: v.wall(), Class: probe.Success, Code: 200, Expected: true})
		},
		"a silence":        func(v *Evaluator) { v.Mute(nil) },
		"a missed run":     func(v *Evaluator) { v.Missed(probe.Miss{Probe: "a", Reason: probe.MissGap}) },
		"a flush":          func(v *Evaluator) { v.Flush() },
		"a reannouncement": func(v *Evaluator) { v.Reannounce() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var list []probe.Probe
				for _, name := range []string{"a", "b"} {
					list = append(list, probe.Probe{Name: name, Schedule: probe.MustSchedule("@every 30s").For(name), Timeout: time.Second})
				}
				engine, err := NewEngine(EngineOptions{Probes: list})
				if err != nil {
					t.Fatal(err)
				}
				var ahead atomic.Int64 // how far the wall clock has jumped
				v := NewEvaluator(engine, func(c Transition) { t.Errorf("want no transition, got %s of %s", c.Event, c.Incident.Series) })
				v.wall = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				for _, p := range list {
					v.Finished(&probe.Result{Probe: p.Name, Start: v.wall(), End: v.wall(), Class: probe.Success, Code: 200, Expected: true})
				}
				running.Go(func() { v.Run(ctx) })
				synctest.Wait()
				ahead.Store(int64(time.Hour))
				wakes(v)
				synctest.Wait()
				cancel()
				running.Wait()
			})
		})
	}
}
