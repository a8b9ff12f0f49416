package alert

import (
	"context"
	"sync"
	"time"

	"squarewatch/probe"
)

// longestNap is how long the evaluator sleeps at most while something is due: timers run on while the wall clock is set.
const longestNap = time.Minute

// Evaluator feeds an Engine with the results of the daemon and with the time. Its methods may be called by many goroutines.
type Evaluator struct {
	handle func(Transition)
	wake   chan struct{}

	handling sync.Mutex // keeps transitions in order: held while they are handled, and taken before mu

	mu     sync.Mutex
	engine *Engine
	queue  []Transition // waiting to be handled, in order
	armed  time.Time    // when Run wakes by itself; zero for never
}

var _ probe.Sink = (*Evaluator)(nil)

// NewEvaluator returns an evaluator that owns the engine from now on. Run calls handle with every transition, in order and
// one at a time; probing does not wait for it.
func NewEvaluator(engine *Engine, handle func(Transition)) *Evaluator {
	return &Evaluator{handle: handle, engine: engine, wake: make(chan struct{}, 1)}
}

// Finished lets the engine observe a result.
func (v *Evaluator) Finished(r *probe.Result) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.queue = append(v.queue, v.engine.Observe(r)...)
	v.nudge()
}

// Missed notes that a probe was not watched, where time has passed without us. Otherwise what did not run is neither good
// nor bad; where nothing runs any more, that is told for itself.
func (v *Evaluator) Missed(m probe.Miss) {
	if m.Reason != probe.MissGap {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.engine.Gap(m.Probe, time.Now())
	v.nudge()
}

// Acknowledge notes that somebody has taken an incident on; see [Engine.Acknowledge].
func (v *Evaluator) Acknowledge(incident, by string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	changes, err := v.engine.Acknowledge(incident, by, time.Now())
	v.queue = append(v.queue, changes...)
	v.nudge()
	return err
}

// Mute replaces the silences in force; see [Engine.Mute].
func (v *Evaluator) Mute(silences []Silence) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.queue = append(v.queue, v.engine.Mute(silences, time.Now())...)
	v.nudge()
}

// Reannounce queues what fires for notifiers that never received FIRING of it; see [Engine.Reannounce].
func (v *Evaluator) Reannounce() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.queue = append(v.queue, v.engine.Reannounce(time.Now())...)
	v.nudge()
}

// Flush handles what is queued or due, and returns when that is done. Run need not be running.
func (v *Evaluator) Flush() {
	v.handleAll(time.Now())
	v.signal() // Run sleeps until a time that may no longer be the next one
}

// SilenceFor returns a silence of the rule and series of an incident; see [Engine.SilenceFor].
func (v *Evaluator) SilenceFor(incident string) (Silence, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.engine.SilenceFor(incident)
}

// Replace takes a new engine, which build makes of the one in use; on an error that one goes on.
func (v *Evaluator) Replace(build func(previous *Engine) (*Engine, error)) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	engine, err := build(v.engine)
	if err != nil {
		return err
	}
	v.engine = engine
	v.nudge()
	return nil
}

// Snapshot returns every series as it stands now.
func (v *Evaluator) Snapshot() []Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.engine.Snapshot(time.Now())
}

// Keep hands on what must outlive the process of the series that fire; see [Engine.States]. No transition is handled meanwhile,
// so that nothing older is written over something newer.
func (v *Evaluator) Keep(write func([]SeriesState)) {
	v.handling.Lock()
	defer v.handling.Unlock()
	write(v.states())
}

// Overdue returns for how long a transition or a timer has been waiting for Run to handle it at a time; 0 when nothing is late.
func (v *Evaluator) Overdue(now time.Time) time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	due := v.engine.Next()
	if len(v.queue) > 0 && (due.IsZero() || v.queue[0].At.Before(due)) {
		due = v.queue[0].At
	}
	if due.IsZero() {
		return 0
	}
	return max(now.Sub(due), 0)
}

func (v *Evaluator) states() []SeriesState {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.engine.States()
}

// Incidents returns what is firing, oldest first.
func (v *Evaluator) Incidents() []Incident {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.engine.Incidents()
}

// Run handles transitions and lets time pass until ctx ends; what was observed until then is handled before it returns.
func (v *Evaluator) Run(ctx context.Context) {
	for {
		handled, nap := v.handleAll(time.Now())
		switch {
		case ctx.Err() == nil:
			v.sleep(ctx, nap)
		case handled == 0:
			return
		}
	}
}

// handleAll handles what is queued or due at now. It returns how much that was, and what advance returns.
func (v *Evaluator) handleAll(now time.Time) (handled int, nap time.Duration) {
	v.handling.Lock()
	defer v.handling.Unlock()
	changes, nap := v.advance(now)
	for _, t := range changes {
		v.handle(t)
	}
	return len(changes), nap
}

// nudge wakes Run when it has something to handle, or something is due before it would wake. The caller holds mu.
func (v *Evaluator) nudge() {
	next := v.engine.Next()
	if len(v.queue) == 0 && (next.IsZero() || !v.armed.IsZero() && !next.Before(v.armed)) {
		return
	}
	v.signal()
}

// signal wakes Run.
func (v *Evaluator) signal() {
	select {
	case v.wake <- struct{}{}:
	default: // it is awake already
	}
}

// advance returns what there is to handle, and how long nothing is due; below zero for never.
func (v *Evaluator) advance(now time.Time) ([]Transition, time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	changes := append(v.queue, v.engine.Advance(now)...)
	v.queue, v.armed = nil, time.Time{}
	next := v.engine.Next()
	if next.IsZero() {
		return changes, -1
	}
	nap := min(max(next.Sub(now), 0), longestNap)
	v.armed = now.Add(nap)
	return changes, nap
}

func (v *Evaluator) sleep(ctx context.Context, nap time.Duration) {
	var alarm <-chan time.Time
	if nap >= 0 {
		timer := time.NewTimer(nap)
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-ctx.Done():
	case <-v.wake:
	case <-alarm:
	}
}
