package alert

import (
	"context"
	"sync"
	"time"

	"squarewatch/probe"
)

// maxSleep limits how long Run sleeps before a deadline. A timer does not notice that the wall clock was set, so Run looks at the clock at
// least this often.
const maxSleep = time.Minute

// Evaluator passes the daemon's results and the time to an Engine. Methods may be called by many goroutines.
type Evaluator struct {
	handle func(Transition)
	wake   chan struct{}

	handling sync.Mutex // keeps transitions in order: held while they are handled, and locked before mu

	mu          sync.Mutex
	engine      *Engine
	transitions []Transition // waiting to be handled, in order
	wakeAt      time.Time    // when Run wakes by itself; zero for never
}

var _ probe.Sink = (*Evaluator)(nil)

// NewEvaluator returns an evaluator. The caller must not use the engine afterwards. Run and Flush call handle with every transition, in
// order and one at a time. Probing does not wait for handle.
func NewEvaluator(engine *Engine, handle func(Transition)) *Evaluator {
	return &Evaluator{handle: handle, engine: engine, wake: make(chan struct{}, 1)}
}

// Finished passes a result to the engine.
func (v *Evaluator) Finished(r *probe.Result) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.transitions = append(v.transitions, v.engine.Observe(r)...)
	v.wakeLocked()
}

// Missed reports to the engine that a probe was not watched, because the process stood still. Other missed runs are neither good nor bad;
// the rule [NoDataRule] reports a probe that no longer runs.
func (v *Evaluator) Missed(m probe.Miss) {
	if m.Reason != probe.MissGap {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.engine.Gap(m.Probe, time.Now())
	v.wakeLocked()
}

// Acknowledge records who works on an incident; see [Engine.Acknowledge].
func (v *Evaluator) Acknowledge(incident, by string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	changes, err := v.engine.Acknowledge(incident, by, time.Now())
	v.transitions = append(v.transitions, changes...)
	v.wakeLocked()
	return err
}

// Unannounce records that no notifier received FIRING of an incident; see [Engine.Unannounce].
func (v *Evaluator) Unannounce(incident string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.engine.Unannounce(incident)
}

// Mute replaces the silences; see [Engine.Mute].
func (v *Evaluator) Mute(silences []Silence) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.transitions = append(v.transitions, v.engine.Mute(silences, time.Now())...)
	v.wakeLocked()
}

// Reannounce queues firing incidents for notifiers that never received FIRING; see [Engine.Reannounce].
func (v *Evaluator) Reannounce() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.transitions = append(v.transitions, v.engine.Reannounce(time.Now())...)
	v.wakeLocked()
}

// Flush handles what is queued or due, and returns when that is done. Run need not be running.
func (v *Evaluator) Flush() {
	v.handleAll(time.Now())
	v.wakeRun() // Run may sleep past the next deadline
}

// SilenceFor returns a silence of the rule and series of an incident; see [Engine.SilenceFor].
func (v *Evaluator) SilenceFor(incident string) (Silence, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.engine.SilenceFor(incident)
}

// Replace sets a new engine, which build makes from the present one; if build fails, the present one stays.
func (v *Evaluator) Replace(build func(previous *Engine) (*Engine, error)) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	engine, err := build(v.engine)
	if err != nil {
		return err
	}
	v.engine = engine
	v.wakeLocked()
	return nil
}

// Snapshot returns the status of every series now.
func (v *Evaluator) Snapshot() []Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.engine.Snapshot(time.Now())
}

// Keep passes the states of firing series to write; see [Engine.States]. No transition is handled meanwhile, so that no older state is
// written over a newer one.
func (v *Evaluator) Keep(write func([]SeriesState)) {
	v.handling.Lock()
	defer v.handling.Unlock()
	write(v.states())
}

// Overdue returns how long the oldest transition or timer has waited for Run to handle it; 0 when none is late.
func (v *Evaluator) Overdue(now time.Time) time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	due := v.engine.Next()
	if len(v.transitions) > 0 && (due.IsZero() || v.transitions[0].At.Before(due)) {
		due = v.transitions[0].At
	}
	if due.IsZero() {
		return 0
	}
	return max(now.Sub(due), 0)
}

// states returns the states of firing series.
func (v *Evaluator) states() []SeriesState {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.engine.States()
}

// Incidents returns the firing incidents, oldest first.
func (v *Evaluator) Incidents() []Incident {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.engine.Incidents()
}

// Run handles transitions, and advances the engine as time passes, until ctx ends. Before it returns, it handles everything that was
// observed until then.
func (v *Evaluator) Run(ctx context.Context) {
	for {
		handled, wait := v.handleAll(time.Now())
		switch {
		case ctx.Err() == nil:
			v.sleep(ctx, wait)
		case handled == 0:
			return
		}
	}
}

// handleAll handles what is queued or due at now. It returns the number of transitions, and how long until the next deadline; below zero
// for never.
func (v *Evaluator) handleAll(now time.Time) (handled int, wait time.Duration) {
	v.handling.Lock()
	defer v.handling.Unlock()
	changes, wait := v.advance(now)
	for _, t := range changes {
		v.handle(t)
	}
	return len(changes), wait
}

// wakeLocked wakes Run if there is a transition, or a deadline before Run wakes by itself. The caller holds mu.
func (v *Evaluator) wakeLocked() {
	next := v.engine.Next()
	if len(v.transitions) == 0 && (next.IsZero() || !v.wakeAt.IsZero() && !next.Before(v.wakeAt)) {
		return
	}
	v.wakeRun()
}

// wakeRun wakes Run.
func (v *Evaluator) wakeRun() {
	select {
	case v.wake <- struct{}{}:
	default: // a wake-up is already waiting
	}
}

// advance returns the transitions to handle, and how long until the next deadline; below zero for never.
func (v *Evaluator) advance(now time.Time) ([]Transition, time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	changes := append(v.transitions, v.engine.Advance(now)...)
	v.transitions, v.wakeAt = nil, time.Time{}
	next := v.engine.Next()
	if next.IsZero() {
		return changes, -1
	}
	wait := min(max(next.Sub(now), 0), maxSleep)
	v.wakeAt = now.Add(wait)
	return changes, wait
}

// sleep waits until a deadline, a wake-up or the end of ctx.
func (v *Evaluator) sleep(ctx context.Context, wait time.Duration) {
	var alarm <-chan time.Time
	if wait >= 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-ctx.Done():
	case <-v.wake:
	case <-alarm:
	}
}
