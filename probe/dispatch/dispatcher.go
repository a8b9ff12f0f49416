// Package dispatch decides when a probe's runs start.
//
// A [Dispatcher] starts each run at its intended time, within the [Limits]. A run that cannot start in time is reported as a
// [probe.Miss]. At a reload the old dispatcher passes a [Handover] to the new one. How a run works is in package probe.
package dispatch

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"squarewatch/probe"
)

// Entry is a probe and how it is run.
type Entry struct {
	Probe *probe.Probe
	Host  string // what the limit per host counts
	Run   func(ctx context.Context, intended time.Time) *probe.Result
}

// Options settle a Dispatcher.
type Options struct {
	Entries []Entry
	Sinks   []probe.Sink
	Limits  Limits
	Grace   time.Duration    // how long runs may go on after a stop; 5 s when zero
	Wall    func() time.Time // the wall clock; time.Now when nil. Tests set it to step the clock.
}

// Dispatcher starts runs at their intended times. It keeps the entries in a heap, so that a wake-up costs what is due and
// not what there is, and starts each run in a goroutine of its own.
//
// A run that cannot be started in time is missed, with a reason, and never made up for: a burst of runs that catch up
// would measure itself.
type Dispatcher struct {
	options Options
	armed   chan struct{}
	stop    chan struct{}
	once    sync.Once
	wake    chan struct{} // something is due earlier than the loop thinks
	pacer   *rate.Limiter // nil for none
	closing chan struct{}
	runs    sync.WaitGroup

	mu      sync.Mutex
	queue   queue
	slots   *slots
	horizon time.Time // up to here, what was due has been dispatched
	closed  bool      // nothing more is started, not even what waits
}

// New returns a dispatcher that has not started yet.
func New(options Options) *Dispatcher {
	options.Grace = cmp.Or(options.Grace, 5*time.Second)
	if options.Wall == nil {
		options.Wall = time.Now
	}
	return &Dispatcher{
		options: options,
		armed:   make(chan struct{}),
		stop:    make(chan struct{}),
		wake:    make(chan struct{}, 1),
		closing: make(chan struct{}),
		slots:   newSlots(options.Limits),
	}
}

// errStopped is why a run's context ended when the grace was over.
var errStopped = errors.New("squarewatch is stopping")

// Run arms every probe with its first intended time after from.Since and starts runs until ctx ends or Stop is called. It
// returns when every run has ended. Runs that go on when ctx ends have the grace to finish before their context is cancelled.
func (d *Dispatcher) Run(ctx context.Context, from Handover) {
	runCtx, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abort(nil)
	d.arm(from)
	close(d.armed)

	ended := make(chan struct{})
	var guard sync.WaitGroup
	guard.Go(func() { d.guard(ctx, ended, abort) })
	d.loop(ctx, runCtx)
	d.runs.Wait()
	close(ended)
	guard.Wait()
}

// guard waits for the end of ctx and then sees to it that runs end too.
func (d *Dispatcher) guard(ctx context.Context, ended <-chan struct{}, abort context.CancelCauseFunc) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	d.close()
	grace := time.NewTimer(d.options.Grace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
		abort(errStopped)
	}
}

// Stop ends the starting of runs by their schedule, and returns where the next dispatcher begins.
func (d *Dispatcher) Stop() Handover {
	d.once.Do(func() { close(d.stop) })
	d.mu.Lock()
	defer d.mu.Unlock()
	left := Handover{Since: d.horizon, pacer: d.pacer}
	for _, it := range d.queue {
		left.note(it)
	}
	d.queue = nil
	return left
}

// Armed is closed when the first schedule is armed.
func (d *Dispatcher) Armed() <-chan struct{} { return d.armed }

func (d *Dispatcher) arm(from Handover) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.horizon = from.Since.Round(0)
	d.pacer = d.options.Limits.pacer(from.pacer)
	items := make([]item, len(d.options.Entries))
	d.queue = make(queue, 0, len(items))
	for i, entry := range d.options.Entries {
		it := &items[i]
		left := from.probes[entry.Probe.Name]
		it.Entry, it.place, it.failing, it.before = entry, i, left.failing, left.busy
		it.next = it.schedule().Next(from.Since)
		d.queue = append(d.queue, it)
	}
	heap.Init(&d.queue)
}

// Bounds of the loop's sleep and of what it takes for a gap.
const (
	longestSleep = 10 * time.Second // so that a step of the wall clock is noticed soon
	gapTolerance = 2 * time.Second  // a wake-up later than this means that time has passed without us
)

// loop wakes up whenever something is due.
func (d *Dispatcher) loop(ctx, runCtx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	last := look{d.options.Wall().Round(0), time.Now(), 0}
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.stop:
			return
		case <-d.wake:
		case <-timer.C:
		}
		now := look{wall: d.options.Wall().Round(0), steady: time.Now()}
		now.sleep = d.dispatch(runCtx, now.wall, last.late(now))
		timer.Reset(now.sleep)
		last = now
	}
}

// look is a moment at which the loop was awake.
type look struct {
	wall   time.Time
	steady time.Time     // by the clock that is never set
	sleep  time.Duration // that followed
}

// late returns by how much the next look came later than was planned. One that was woken before its time is late by what
// the wall clock was set meanwhile, which is mostly nothing.
func (l look) late(next look) time.Duration {
	return next.wall.Sub(l.wall) - min(l.sleep, next.steady.Sub(l.steady))
}

// dispatch starts what is due and returns how long to sleep. late is by how much the loop woke up later than it wanted to.
func (d *Dispatcher) dispatch(ctx context.Context, now time.Time, late time.Duration) time.Duration {
	var misses []probe.Miss
	defer func() { d.report(misses) }() // after the lock is given back
	tally := probe.Tally{}
	d.mu.Lock()
	defer d.mu.Unlock()
	if late < -gapTolerance {
		d.rearm(now)
	}
	for len(d.queue) > 0 && !d.queue[0].next.After(now) {
		it := d.queue[0]
		intended := it.next
		it.next = it.schedule().Next(now)
		heap.Fix(&d.queue, 0)
		if late > gapTolerance {
			misses = append(misses, probe.Miss{Probe: it.Probe.Name, Intended: intended, Reason: probe.MissGap, Count: 1 + tally.Between(it.schedule(), intended, now)})
			continue
		}
		if skipped := tally.Between(it.schedule(), intended, now); skipped > 0 {
			misses = append(misses, probe.Miss{Probe: it.Probe.Name, Intended: intended, Reason: probe.MissGap, Count: skipped})
		}
		misses = append(misses, d.due(ctx, it, intended)...)
	}
	d.horizon = now
	if len(d.queue) == 0 {
		return longestSleep
	}
	return min(longestSleep, d.queue[0].next.Sub(now))
}

// rearm begins anew after the wall clock was set back: what was armed would leave the time until then unwatched.
func (d *Dispatcher) rearm(now time.Time) {
	for _, it := range d.queue {
		it.next = it.schedule().Next(now)
	}
	heap.Init(&d.queue)
}

// due starts a run, lets it wait for a slot, or returns what was missed for it. The lock is held.
func (d *Dispatcher) due(ctx context.Context, it *item, intended time.Time) []probe.Miss {
	switch {
	case d.closed:
		return []probe.Miss{{Probe: it.Probe.Name, Intended: intended, Reason: probe.MissShutdown, Count: 1}}
	case it.waiting: // the newer takes the older one's place
		older := it.intended
		it.intended = intended
		return []probe.Miss{{Probe: it.Probe.Name, Intended: older, Reason: probe.MissLimit, Count: 1}}
	case it.overrun():
		return []probe.Miss{{Probe: it.Probe.Name, Intended: intended, Reason: probe.MissOverrun, Count: 1}}
	}
	it.intended = intended
	it.busy.Store(true)
	if d.slots.take(it) {
		d.start(ctx, it)
		return nil
	}
	it.waiting = true
	d.slots.wait(it)
	return nil
}

// start begins a run that has its slot, when it is its turn. The lock is held.
func (d *Dispatcher) start(ctx context.Context, it *item) {
	it.waiting = true
	d.runs.Go(func() {
		failing := false
		if intended, ok := d.turn(it); ok {
			failing = d.run(ctx, it, intended)
		} else {
			d.report([]probe.Miss{{Probe: it.Probe.Name, Intended: intended, Reason: probe.MissShutdown, Count: 1}})
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.quicken(it, failing)
		it.busy.Store(false)
		if next := d.slots.release(it); next != nil {
			d.start(ctx, next)
		}
	})
}

// turn waits until the rate allows another start, and returns for when it is; false when our shutdown came first.
func (d *Dispatcher) turn(it *item) (intended time.Time, ok bool) {
	if d.pacer != nil {
		turn := time.NewTimer(d.pacer.Reserve().Delay())
		defer turn.Stop()
		select {
		case <-turn.C:
		case <-d.closing:
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	it.waiting = false
	return it.intended, !d.closed
}

// quicken arms a probe anew when its last run changed the schedule in force. The lock is held.
func (d *Dispatcher) quicken(it *item, failing bool) {
	changed := it.failing != failing && !it.Probe.WhileUnexpected.IsZero()
	it.failing = failing
	if !changed || it.place >= len(d.queue) || d.queue[it.place] != it {
		return
	}
	it.next = it.schedule().Next(d.options.Wall())
	heap.Fix(&d.queue, it.place)
	select {
	case d.wake <- struct{}{}:
	default: // it is awake already
	}
}

// run executes one run, tells the sinks what became of it, and reports whether it was unexpected. A panic costs the run,
// not the daemon.
func (d *Dispatcher) run(ctx context.Context, it *item, intended time.Time) (unexpected bool) {
	defer func() {
		if fault := recover(); fault != nil {
			d.report([]probe.Miss{{
				Probe: it.Probe.Name, Intended: intended, Reason: probe.MissPanic, Count: 1, Detail: fmt.Sprintf("%v\n%s", fault, debug.Stack()),
			}})
		}
	}()
	result := it.Run(ctx, intended)
	if result.Class == probe.ClassNone {
		d.report([]probe.Miss{{Probe: it.Probe.Name, Intended: intended, Reason: probe.MissShutdown, Count: 1}})
		return false
	}
	d.charge(result)
	for _, sink := range d.options.Sinks {
		sink.Finished(result)
	}
	return !result.Expected
}

// charge makes later runs wait for what a run sent beyond its first request, which could not wait for anybody.
func (d *Dispatcher) charge(r *probe.Result) {
	if d.pacer == nil {
		return
	}
	for range len(r.Attempts) + len(r.Renewals) - 1 {
		d.pacer.Reserve()
	}
}

func (d *Dispatcher) report(misses []probe.Miss) {
	for _, miss := range misses {
		for _, sink := range d.options.Sinks {
			sink.Missed(miss)
		}
	}
}

// close refuses everything from now on: what waits is missed.
func (d *Dispatcher) close() {
	d.mu.Lock()
	d.closed = true
	close(d.closing)
	dropped := d.slots.drop()
	d.mu.Unlock()
	for _, it := range dropped {
		d.report([]probe.Miss{{Probe: it.Probe.Name, Intended: it.intended, Reason: probe.MissShutdown, Count: 1}})
	}
}
