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
	"sync"
	"time"

	"golang.org/x/time/rate"

	"squarewatch/probe"
)

// Entry is a probe and the function that runs it.
type Entry struct {
	Probe *probe.Probe
	Host  string // host and port, for the limit per host
	Run   func(ctx context.Context, intended time.Time) *probe.Result
}

// Options are the options of a Dispatcher.
type Options struct {
	Entries []Entry
	Sinks   []probe.Sink
	Limits  Limits
	Grace   time.Duration    // how long runs may continue after ctx ends; 5 s when zero
	Wall    func() time.Time // the wall clock; time.Now when nil. Tests replace it to set the clock.
}

// Dispatcher starts runs at their intended times, each in its own goroutine. It keeps the entries in a heap, so the cost of a
// wake-up depends on what is due and not on the number of probes.
//
// A run that cannot start in time is reported as a [probe.Miss] with a reason. It does not start later, because a burst of late
// runs would slow down the target and distort the measurement.
type Dispatcher struct {
	options Options
	armed   chan struct{} // closed when the first runs are scheduled
	stop    chan struct{} // closed by Stop
	once    sync.Once     // closes stop
	wake    chan struct{} // wakes the loop when a probe is due earlier than before
	pacer   *rate.Limiter // nil without a rate
	closing chan struct{} // closed with closed
	runs    sync.WaitGroup
	still   standstills

	mu      sync.Mutex
	queue   queue
	slots   *slots
	horizon time.Time // all runs due until then have been dispatched
	closed  bool      // no more runs start, not even waiting ones
}

// New returns a dispatcher. Nothing runs before Run.
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
		still:   standstills{wall: options.Wall},
	}
}

// errStopped is the cause with which the context of runs is cancelled after the grace.
var errStopped = errors.New("squarewatch is stopping")

// Run schedules every probe from from.Since and starts runs until ctx ends or Stop is called. It returns when every run has
// ended. After ctx ends, running runs have the grace to finish; then their context is cancelled.
func (d *Dispatcher) Run(ctx context.Context, from Handover) {
	runCtx, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abort(nil)
	d.arm(from)
	close(d.armed)

	ended := make(chan struct{})
	var ender sync.WaitGroup
	ender.Go(func() { d.endRuns(ctx, ended, abort) })
	ender.Go(func() { d.still.watch(runCtx, ended) })
	d.loop(ctx, runCtx)
	d.runs.Wait()
	close(ended)
	ender.Wait()
}

// endRuns waits for the end of ctx. It then stops the start of runs, and aborts running ones after the grace.
func (d *Dispatcher) endRuns(ctx context.Context, ended <-chan struct{}, abort context.CancelCauseFunc) {
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

// Stop ends the scheduling of runs and returns where the next dispatcher continues. Runs that have started go on, and Run waits
// for them.
func (d *Dispatcher) Stop() Handover {
	d.once.Do(func() { close(d.stop) })
	d.mu.Lock()
	defer d.mu.Unlock()
	left := Handover{Since: d.horizon, at: d.options.Wall().Round(0), pacer: d.pacer}
	for _, it := range d.queue {
		left.addLocked(it)
	}
	d.queue = nil
	return left
}

// MissRest reports the runs that were due after the ctx of Run had ended as missed: no run starts then. Call it after Run has returned,
// also the Run of every earlier dispatcher.
func (d *Dispatcher) MissRest() {
	var misses []probe.Miss
	now, tally := d.options.Wall().Round(0), probe.Tally{}
	d.mu.Lock()
	for _, it := range d.queue {
		if it.next.After(now) {
			continue
		}
		misses = append(misses, it.miss(it.next, probe.MissShutdown, 1+tally.Between(it.schedule(), it.next, now)))
	}
	d.queue = nil
	d.mu.Unlock()
	d.report(misses...)
}

// Armed returns a channel that is closed when Run has scheduled the first runs.
func (d *Dispatcher) Armed() <-chan struct{} { return d.armed }

// arm schedules the first run of every probe.
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
		it.Entry, it.index, it.failing, it.predecessor = entry, i, left.failing, left.busy
		it.next = from.nextOf(it)
		d.queue = append(d.queue, it)
	}
	heap.Init(&d.queue)
}

// Limits of the loop.
const (
	longestSleep = 10 * time.Second // a step of the wall clock is noticed after this time at most
	gapTolerance = 2 * time.Second  // a later wake-up means that the process did not run meanwhile
)

// loop wakes up whenever a run is due.
func (d *Dispatcher) loop(ctx, runCtx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	last := wakeUp{wall: d.options.Wall().Round(0), monotonic: time.Now()}
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.stop:
			return
		case <-d.wake:
		case <-timer.C:
		}
		now := wakeUp{wall: d.options.Wall().Round(0), monotonic: time.Now()}
		now.sleep = d.dispatch(runCtx, now.wall, last.lateness(now))
		timer.Reset(now.sleep)
		last = now
	}
}

// wakeUp is a time at which the loop was awake.
type wakeUp struct {
	wall      time.Time
	monotonic time.Time     // by the clock that cannot be set
	sleep     time.Duration // planned until the next wake-up
}

// lateness returns how much later than planned the next wake-up came. It is negative when the wall clock was set back. For an early
// wake-up only a step of the wall clock counts.
func (w wakeUp) lateness(next wakeUp) time.Duration {
	return next.wall.Sub(w.wall) - min(w.sleep, next.monotonic.Sub(w.monotonic))
}

// dispatch starts the runs that are due and returns how long to sleep. late is how much later than planned the loop woke up.
func (d *Dispatcher) dispatch(ctx context.Context, now time.Time, late time.Duration) time.Duration {
	var misses []probe.Miss
	defer func() { d.report(misses...) }() // after the unlock below
	tally := probe.Tally{}
	d.mu.Lock()
	defer d.mu.Unlock()
	if late < -gapTolerance {
		d.rearmLocked(now)
	}
	for len(d.queue) > 0 && !d.queue[0].next.After(now) {
		it := d.queue[0]
		intended := it.next
		it.next = it.schedule().Next(now)
		heap.Fix(&d.queue, 0)
		if late > gapTolerance {
			count := 1 + tally.Between(it.schedule(), intended, now)
			misses = append(misses, it.miss(intended, probe.MissGap, count))
			continue
		}
		if skipped := tally.Between(it.schedule(), intended, now); skipped > 0 {
			misses = append(misses, it.miss(it.schedule().Next(intended), probe.MissGap, skipped))
		}
		misses = append(misses, d.dueLocked(ctx, it, intended)...)
	}
	d.horizon = now
	if len(d.queue) == 0 {
		return longestSleep
	}
	return min(longestSleep, d.queue[0].next.Sub(now))
}

// rearmLocked schedules all runs again after the wall clock was set back. Otherwise no run would start until the clock reaches
// the old times.
func (d *Dispatcher) rearmLocked(now time.Time) {
	for _, it := range d.queue {
		it.next = it.schedule().Next(now)
	}
	heap.Init(&d.queue)
}

// dueLocked starts a run, makes it wait for a slot, or returns the miss that it causes.
func (d *Dispatcher) dueLocked(ctx context.Context, it *item, intended time.Time) []probe.Miss {
	switch {
	case d.closed:
		return []probe.Miss{it.miss(intended, probe.MissShutdown, 1)}
	case it.waiting: // the newer run replaces the older one
		older := it.intended
		it.intended = intended
		return []probe.Miss{it.miss(older, probe.MissLimit, 1)}
	case it.running():
		return []probe.Miss{it.miss(intended, probe.MissOverrun, 1)}
	}
	it.intended = intended
	it.busy.Store(true)
	if d.slots.acquireLocked(it) {
		d.startLocked(ctx, it)
		return nil
	}
	it.waiting = true
	d.slots.waitLocked(it)
	return nil
}

// report passes misses to the sinks.
func (d *Dispatcher) report(misses ...probe.Miss) {
	for _, miss := range misses {
		for _, sink := range d.options.Sinks {
			sink.Missed(miss)
		}
	}
}

// close prevents all further starts. Runs that wait for a slot are missed.
func (d *Dispatcher) close() {
	d.mu.Lock()
	d.closed = true
	close(d.closing)
	dropped := d.slots.dropLocked()
	d.mu.Unlock()
	for _, it := range dropped {
		d.report(it.miss(it.intended, probe.MissShutdown, 1))
	}
}
