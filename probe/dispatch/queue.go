package dispatch

import (
	"container/heap"
	"sync/atomic"
	"time"

	"squarewatch/probe"
)

// item is an entry with its state.
type item struct {
	Entry

	next        time.Time   // when the next run is due
	index       int         // in the queue
	busy        atomic.Bool // a run waits or is running
	waiting     bool        // for a slot or for the rate
	intended    time.Time   // of the run that waits or is running
	failing     bool        // the last run was unexpected
	predecessor *item       // in the previous dispatcher, while its run may still be running; else nil
}

// running reports whether a run waits or is running, including one of the previous dispatcher.
func (it *item) running() bool {
	if it.predecessor != nil && !it.predecessor.busy.Load() {
		it.predecessor = nil
	}
	return it.predecessor != nil || it.busy.Load()
}

// schedule returns the schedule that applies: a failing probe may have another one.
func (it *item) schedule() probe.Schedule {
	if it.failing && !it.Probe.WhileUnexpected.IsZero() {
		return it.Probe.WhileUnexpected
	}
	return it.Probe.Schedule
}

// miss returns a report of count missed runs. The first one was intended at the given time.
func (it *item) miss(intended time.Time, reason probe.MissReason, count int) probe.Miss {
	return probe.Miss{Probe: it.Probe.Name, Intended: intended, Reason: reason, Count: count}
}

// queue is a heap of items. The item that is due first is on top.
type queue []*item //nolint:recvcheck // heap.Interface needs both kinds of receiver

var _ heap.Interface = (*queue)(nil)

// Len is part of heap.Interface.
func (q queue) Len() int { return len(q) }

// Less is part of heap.Interface. Two items that are due at the same time are ordered by name, so that tests are reproducible.
func (q queue) Less(i, j int) bool {
	if q[i].next.Equal(q[j].next) {
		return q[i].Probe.Name < q[j].Probe.Name
	}
	return q[i].next.Before(q[j].next)
}

// Swap is part of heap.Interface.
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push is part of heap.Interface.
func (q *queue) Push(x any) {
	it, _ := x.(*item)
	it.index = len(*q)
	*q = append(*q, it)
}

// Pop is part of heap.Interface.
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
