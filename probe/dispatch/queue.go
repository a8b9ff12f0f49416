package dispatch

import (
	"container/heap"
	"sync/atomic"
	"time"

	"squarewatch/probe"
)

// item is an entry with where it stands.
type item struct {
	Entry

	next     time.Time   // when it is due
	place    int         // in the queue
	busy     atomic.Bool // a run waits or goes on
	waiting  bool        // for a slot, or its turn by the rate
	intended time.Time   // of the run that waits or runs
	failing  bool        // the last run was unexpected
	before   *item       // of the dispatcher before, whose run may go on; nil when it does not
}

// overrun reports whether a run goes on, be it one that the dispatcher before has started.
func (it *item) overrun() bool {
	if it.before != nil && !it.before.busy.Load() {
		it.before = nil
	}
	return it.before != nil || it.busy.Load()
}

// schedule returns the schedule in force: probes that fail may run faster.
func (it *item) schedule() probe.Schedule {
	if it.failing && !it.Probe.WhileUnexpected.IsZero() {
		return it.Probe.WhileUnexpected
	}
	return it.Probe.Schedule
}

// queue is a heap of items, the one that is due first on top.
type queue []*item //nolint:recvcheck // heap.Interface wants both kinds of receiver

var _ heap.Interface = (*queue)(nil)

// Len is part of heap.Interface.
func (q queue) Len() int { return len(q) }

// Less is part of heap.Interface. Of two that are due together, the name decides, so that runs are reproducible.
func (q queue) Less(i, j int) bool {
	if q[i].next.Equal(q[j].next) {
		return q[i].Probe.Name < q[j].Probe.Name
	}
	return q[i].next.Before(q[j].next)
}

// Swap is part of heap.Interface.
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push is part of heap.Interface.
func (q *queue) Push(x any) {
	it, _ := x.(*item)
	it.place = len(*q)
	*q = append(*q, it)
}

// Pop is part of heap.Interface.
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
