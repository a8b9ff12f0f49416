package alert

import "container/heap"

// timers is a heap of the series that passing time may change, by due.
type timers []*series

var _ heap.Interface = (*timers)(nil)

// Len returns the number of series.
func (t *timers) Len() int { return len(*t) }

// Less orders by due time, then by the series' order.
func (t *timers) Less(i, j int) bool {
	a, b := (*t)[i], (*t)[j]
	if c := a.due.Compare(b.due); c != 0 {
		return c < 0
	}
	return a.order < b.order
}

// Swap swaps two series.
func (t *timers) Swap(i, j int) {
	list := *t
	list[i], list[j] = list[j], list[i]
	list[i].slot, list[j].slot = i, j
}

// Push appends a series.
func (t *timers) Push(x any) {
	s := x.(*series)
	s.slot = len(*t)
	*t = append(*t, s)
}

// Pop removes the last series.
func (t *timers) Pop() any {
	last := len(*t) - 1
	s := (*t)[last]
	s.slot = -1
	*t = (*t)[:last]
	return s
}

// arm puts a series where its due time belongs.
func (t *timers) arm(s *series) {
	switch {
	case s.due.IsZero() && s.slot >= 0:
		heap.Remove(t, s.slot)
	case s.due.IsZero():
	case s.slot < 0:
		heap.Push(t, s)
	default:
		heap.Fix(t, s.slot)
	}
}
