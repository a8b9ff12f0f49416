package alert

import (
	"context"
	"sync"
	"time"

	"squarewatch/probe"
)

// Run reads the clock at least every beatInterval. If its last reading is older than standstill, the process did not run meanwhile: it was
// stopped, or the machine slept.
const (
	beatInterval = 500 * time.Millisecond
	standstill   = 2 * time.Second
)

// maxSleep limits how long Run sleeps before a deadline. A timer does not notice that the wall clock was set, so Run looks at the clock at
// least this often.
const maxSleep = time.Minute

// Evaluator passes the daemon's results and the time to an Engine. Methods may be called by many goroutines.
type Evaluator struct {
	handle func(Transition)
	wall   func() time.Time // the wall clock; tests replace it to set the clock
	wake   chan struct{}

	handling sync.Mutex // keeps transitions in order: held while they are handled, and locked before mu

	mu          sync.Mutex
	engine      *Engine
	transitions []Transition // waiting to be handled, in order
	wakeAt      time.Time    // when Run wakes by itself; zero for never
	readAt      time.Time    // the last reading of the clock; zero while Run does not run
}

var _ probe.Sink = (*Evaluator)(nil)

// NewEvaluator returns an evaluator. The caller must not use the engine afterwards. Run and Flush call handle with every transition, in
// order and one at a time. Probing does not wait for handle.
func NewEvaluator(engine *Engine, handle func(Transition)) *Evaluator {
	return &Evaluator{handle: handle, wall: time.Now, engine: engine, wake: make(chan struct{}, 1)}
}

// Finished passes a result to the engine.
func (v *Evaluator) Finished(r *probe.Result) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.nowLocked()
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
	v.engine.Gap(m.Probe, v.nowLocked())
	v.wakeLocked()
}

// Acknowledge records who works on an incident; see [Engine.Acknowledge].
func (v *Evaluator) Acknowledge(incident, by string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	changes, err := v.engine.Acknowledge(incident, by, v.nowLocked())
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
	v.transitions = append(v.transitions, v.engine.Mute(silences, v.nowLocked())...)
	v.wakeLocked()
}

// Reannounce queues firing incidents for notifiers that never received FIRING; see [Engine.Reannounce].
func (v *Evaluator) Reannounce() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.transitions = append(v.transitions, v.engine.Reannounce(v.nowLocked())...)
	v.wakeLocked()
}

// Flush handles what is queued or due, and returns when that is done. Run need not be running.
func (v *Evaluator) Flush() {
	v.handleAll()
	v.wakeRun() // Run may sleep past the next deadline
}

// SilenceFor returns a silence of the rule and series of an incident; see [Engine.SilenceFor].
func (v *Evaluator) SilenceFor(incident string) (Silence, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.engine.SilenceFor(incident)
}

// Replace sets a new engine, which build makes from the present one. If build fails, the present one stays.
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
	return v.engine.Snapshot(v.wall())
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
	defer v.startBeat()()
	for {
		handled, wait := v.handleAll()
		switch {
		case ctx.Err() == nil:
			v.sleep(ctx, wait)
		case handled == 0:
			return
		}
	}
}

// handleAll handles what is queued or due. It returns the number of transitions, and how long until the next deadline; below zero
// for never.
func (v *Evaluator) handleAll() (handled int, wait time.Duration) {
	v.handling.Lock()
	defer v.handling.Unlock()
	changes, wait := v.advance()
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
func (v *Evaluator) advance() ([]Transition, time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.nowLocked()
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

// nowLocked returns the time. If the process stood still, no probe was watched meanwhile: then the time without runs is not evidence,
// and no series is overdue. The dispatcher reports the missed runs, but perhaps later. The caller holds mu.
func (v *Evaluator) nowLocked() time.Time {
	now := v.wall().Round(0)
	if v.readAt.IsZero() {
		return now
	}
	if now.Sub(v.readAt) > standstill {
		v.engine.Resume(now)
		v.wakeRun()
	}
	v.readAt = now
	return now
}

// startBeat begins to read the clock every beatInterval, in a goroutine: a slow disk may hold up Run while it handles a transition, and the
// process runs meanwhile. The caller must call the returned function, which stops it.
func (v *Evaluator) startBeat() (stop func()) {
	v.setReadAt(v.wall().Round(0))
	ended := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { v.beat(ended) })
	return func() {
		close(ended)
		running.Wait()
		v.setReadAt(time.Time{})
	}
}

// beat reads the clock every beatInterval until ended is closed.
func (v *Evaluator) beat(ended <-chan struct{}) {
	ticker := time.NewTicker(beatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ticker.C:
			v.mu.Lock()
			v.nowLocked()
			v.mu.Unlock()
		}
	}
}

func (v *Evaluator) setReadAt(at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.readAt = at
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
