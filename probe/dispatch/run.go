package dispatch

import (
	"container/heap"
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"squarewatch/probe"
)

// startLocked starts the goroutine of a run that has a slot. The run begins when the rate allows it.
func (d *Dispatcher) startLocked(ctx context.Context, it *item) {
	it.waiting = true
	d.runs.Go(func() {
		failing := false
		if intended, ok := d.awaitRate(it); ok {
			failing = d.run(ctx, it, intended)
		} else {
			d.report(it.miss(intended, probe.MissShutdown, 1))
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.rescheduleLocked(it, failing)
		it.busy.Store(false)
		if next := d.slots.releaseLocked(it); next != nil {
			d.startLocked(ctx, next)
		}
	})
}

// awaitRate waits until the rate allows another start. It returns the intended time, which a newer run may have replaced
// meanwhile; false if the shutdown came first.
func (d *Dispatcher) awaitRate(it *item) (intended time.Time, ok bool) {
	if d.pacer != nil {
		allowed := time.NewTimer(d.pacer.Reserve().Delay())
		defer allowed.Stop()
		select {
		case <-allowed.C:
		case <-d.closing:
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	it.waiting = false
	return it.intended, !d.closed
}

// run executes one run, passes the result to the sinks, and reports whether it was unexpected. A panic ends the run but not the
// daemon. A run that spans a standstill of the process is missed: its latency would include the standstill.
func (d *Dispatcher) run(ctx context.Context, it *item, intended time.Time) (unexpected bool) {
	defer func() {
		if fault := recover(); fault != nil {
			miss := it.miss(intended, probe.MissPanic, 1)
			miss.Detail = fmt.Sprintf("%v\n%s", fault, debug.Stack())
			d.report(miss)
		}
	}()
	before := d.still.check()
	result := it.Run(ctx, intended)
	spanned := d.still.check() != before
	if result.Class == probe.ClassNone {
		d.report(it.miss(intended, probe.MissShutdown, 1))
		return false
	}
	d.countAgainstRate(result)
	if spanned && !result.Breach { // access that was granted stays granted
		d.report(it.miss(intended, probe.MissGap, 1))
		return it.failing
	}
	for _, sink := range d.options.Sinks {
		sink.Finished(result)
	}
	return !result.Expected
}

// rescheduleLocked schedules the next run of a probe again if its last run changed the schedule that applies.
func (d *Dispatcher) rescheduleLocked(it *item, failing bool) {
	changed := it.failing != failing && !it.Probe.WhileUnexpected.IsZero()
	it.failing = failing
	if !changed || it.index >= len(d.queue) || d.queue[it.index] != it {
		return
	}
	it.next = it.schedule().Next(d.options.Wall())
	heap.Fix(&d.queue, it.index)
	select {
	case d.wake <- struct{}{}:
	default: // a wake-up is already pending
	}
}

// countAgainstRate counts the requests of a run after the first one against the rate. They were not delayed, so later runs wait for them.
func (d *Dispatcher) countAgainstRate(r *probe.Result) {
	if d.pacer == nil {
		return
	}
	for range len(r.Attempts) + len(r.Renewals) - 1 {
		d.pacer.Reserve()
	}
}
