package alert

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
)

// jumping is an evaluator with a clock that a test can set ahead: so looks a standstill of the process. Its probes run every 30 s.
type jumping struct {
	*Evaluator
	ahead  atomic.Int64
	handle func(Transition) // replaced by tests before Run
}

func newJumping(t *testing.T) *jumping {
	t.Helper()
	var list []probe.Probe
	for _, name := range []string{"a", "b"} {
		list = append(list, probe.Probe{Name: name, Schedule: probe.MustSchedule("@every 30s").For(name), Timeout: time.Second})
	}
	engine, err := NewEngine(EngineOptions{Probes: list, Parts: []Part{{Name: "storage", Severity: Warning}}})
	if err != nil {
		t.Fatal(err)
	}
	j := &jumping{handle: func(Transition) {}}
	j.Evaluator = NewEvaluator(engine, func(c Transition) { j.handle(c) })
	j.wall = func() time.Time { return time.Now().Add(time.Duration(j.ahead.Load())) }
	j.success("a", "b")
	return j
}

// success is a run of each probe.
func (j *jumping) success(names ...string) {
	for _, name := range names {
		j.Finished(&probe.Result{Probe: name, Start: j.wall(), End: j.wall(), Class: probe.Success, Code: 200, Expected: true})
	}
}

// standStill lets an hour pass in which the process does not run, and then wakes the evaluator. The engine must take the time from the
// evaluator, which alone knows that the process stood still.
func (j *jumping) standStill(t *testing.T, wake func(*jumping)) {
	t.Helper()
	j.ahead.Store(int64(time.Hour))
	after := j.wall()
	wake(j)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.engine.now.Before(after) {
		t.Errorf("want the engine to have the time of the evaluator, %v, got %v", after, j.engine.now)
	}
}

// run runs the evaluator until the test calls the returned function.
func (j *jumping) run(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { j.Run(ctx) })
	synctest.Wait()
	return func() {
		synctest.Wait()
		cancel()
		running.Wait()
	}
}

// wakes are what an evaluator may get first after a standstill.
var wakes = map[string]func(*jumping){
	"its own deadline":       func(*jumping) { <-time.After(maxSleep) }, // no-data fires after 80 s without a run
	"a run of another probe": func(j *jumping) { j.success("a") },
	"a silence":              func(j *jumping) { j.Mute(nil) },
	"a missed run":           func(j *jumping) { j.Missed(probe.Miss{Probe: "a", Reason: probe.MissGap}) },
	"a reannouncement":       func(j *jumping) { j.Reannounce() },
	"a part of squarewatch":  func(j *jumping) { j.Report("storage", nil) },
	"stored states":          func(j *jumping) { j.Recover(nil) },
	"the end of a filling":   func(j *jumping) { j.BeginFill(time.Minute); j.EndFill() },
}

// TestAStandstillDoesNotFireNoData lets the process stand still for an hour while the evaluator sleeps. The rule no-data must not fire,
// whatever wakes the evaluator first.
func TestAStandstillDoesNotFireNoData(t *testing.T) {
	all := maps.Clone(wakes)
	all["a flush"] = func(j *jumping) { j.Flush() }
	for name, wake := range all {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := newJumping(t)
				j.handle = func(c Transition) { t.Errorf("want no transition, got %s of %s", c.Event, c.Incident.Series) }
				stop := j.run(t)
				j.standStill(t, wake)
				stop()
			})
		})
	}
}

// TestAStandstillDuringATransitionDoesNotFireNoData lets the process stand still for an hour while the evaluator handles a transition.
func TestAStandstillDuringATransitionDoesNotFireNoData(t *testing.T) {
	for name, wake := range wakes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := newJumping(t)
				first, written := true, make(chan struct{})
				j.handle = func(c Transition) {
					if !first {
						t.Errorf("want one transition, got also %s of %s at %v", c.Event, c.Incident.Series, c.At)
					}
					first = false
					<-written
				}
				j.transitions = append(j.transitions, Transition{At: j.wall()})
				stop := j.run(t)
				j.standStill(t, wake)
				close(written)
				stop()
			})
		})
	}
}

// TestASlowHandlerIsNoStandstill has a handler that takes ten seconds for a transition. Then no-data fires when it would have fired with a
// quick one.
func TestASlowHandlerIsNoStandstill(t *testing.T) {
	fires := func(takes time.Duration) (after time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			j, began := newJumping(t), time.Now()
			j.handle = func(c Transition) {
				if c.Event == EventFiring && after == 0 {
					after = c.At.Sub(began)
				}
				<-time.After(takes)
			}
			j.transitions = append(j.transitions, Transition{At: j.wall()})
			stop := j.run(t)
			<-time.After(10 * time.Minute)
			stop()
		})
		return after
	}
	if quick, slow := fires(0), fires(10*time.Second); quick == 0 || slow != quick {
		t.Errorf("want no-data after %v with a slow handler too, got %v", quick, slow)
	}
}
