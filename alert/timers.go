package alert

import (
	"container/heap"
	"time"
)

// deadline is when passing time alone may change its owner. A type that embeds it can be put into [timers].
type deadline struct {
	due   time.Time // zero for never
	order int       // among deadlines at the same time
	slot  int       // index in timers; -1 when in none
}

func (d *deadline) timer() *deadline { return d }

// timers is a heap of deadlines, earliest first.
type timers[T interface{ timer() *deadline }] []T

// Len returns the number of elements.
func (t *timers[T]) Len() int { return len(*t) }

// Less orders by due time, then by order.
func (t *timers[T]) Less(i, j int) bool {
	a, b := (*t)[i].timer(), (*t)[j].timer()
	if c := a.due.Compare(b.due); c != 0 {
		return c < 0
	}
	return a.order < b.order
}

// Swap swaps two elements.
func (t *timers[T]) Swap(i, j int) {
	list := *t
	list[i], list[j] = list[j], list[i]
	list[i].timer().slot, list[j].timer().slot = i, j
}

// Push appends an element.
func (t *timers[T]) Push(x any) {
	element := x.(T)
	element.timer().slot = len(*t)
	*t = append(*t, element)
}

// Pop removes the last element.
func (t *timers[T]) Pop() any {
	last := len(*t) - 1
	element := (*t)[last]
	element.timer().slot = -1
	*t = (*t)[:last]
	return element
}

// arm adds, moves or removes an element, depending on its due time.
func (t *timers[T]) arm(element T) {
	switch d := element.timer(); {
	case d.due.IsZero() && d.slot >= 0:
		heap.Remove(t, d.slot)
	case d.due.IsZero():
	case d.slot < 0:
		heap.Push(t, element)
	default:
		heap.Fix(t, d.slot)
	}
}

// earliest returns the earlier of two times; zero means never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// earliestAfter returns the earliest of a time and those of the others that lie after now; zero means never.
func earliestAfter(now, t time.Time, others ...time.Time) time.Time {
	for _, other := range others {
		if other.After(now) {
			t = earliest(t, other)
		}
	}
	return t
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
