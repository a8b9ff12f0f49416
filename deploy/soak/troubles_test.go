//go:build soak

package soak_test

import (
	"slices"
	"sync"
)

// troubles are the faults of one part around the daemon that go on at the same time. Of several, the newest counts.
type troubles[T any] struct {
	apply func(newest *T) // called while mu is held, with nil when nothing is wrong

	mu   sync.Mutex
	list []*T
}

// begin adds a fault. It goes on until end is called.
func (t *troubles[T]) begin(what T) (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := &what
	t.list = append(t.list, mine)
	t.apply(mine)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.list = slices.DeleteFunc(t.list, func(other *T) bool { return other == mine })
		if len(t.list) == 0 {
			t.apply(nil)
		} else {
			t.apply(t.list[len(t.list)-1])
		}
	}
}
