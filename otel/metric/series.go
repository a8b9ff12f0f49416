package metric

import (
	"iter"
	"sync"
	"time"
)

// series are what a metric holds for each of its keys. Keys come from the configuration and never from an answer, so that
// the configuration bounds them.
type series[K comparable, V any] struct {
	mu    sync.RWMutex
	held  map[K]*V
	order []K // oldest first: who reads the series finds them where they were the last time
}

// get returns what is held for key, made the first time.
func (s *series[K, V]) get(key K) *V {
	if value := s.look(key); value != nil {
		return value
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if value := s.held[key]; value != nil {
		return value
	}
	if s.held == nil {
		s.held = map[K]*V{}
	}
	value := new(V)
	s.held[key] = value
	s.order = append(s.order, key)
	return value
}

// look returns what is held for key, or nil.
func (s *series[K, V]) look(key K) *V {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.held[key]
}

// forget drops the series of keys that are gone.
func (s *series[K, V]) forget(gone func(K) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := make([]K, 0, len(s.order)) // not in place: somebody may be reading
	for _, key := range s.order {
		if gone(key) {
			delete(s.held, key)
		} else {
			left = append(left, key)
		}
	}
	s.order = left
}

// all returns the series as they are now, oldest first. What is in them has locks of its own.
func (s *series[K, V]) all() iter.Seq2[K, *V] {
	s.mu.RLock()
	order := s.order
	s.mu.RUnlock()
	return func(yield func(K, *V) bool) {
		for _, key := range order {
			if value := s.look(key); value != nil && !yield(key, value) { // nil when it was forgotten meanwhile
				return
			}
		}
	}
}

// begun is when a series had its first value, in nanoseconds of Unix time: a probe that comes back after a reload begins
// anew, and who reads its totals must see that. Zero for those that are there from the start.
type begun int64

func now() begun { return begun(time.Now().UnixNano()) }

// or returns the time, or start for a series that is there from the start.
func (b begun) or(start time.Time) time.Time {
	if b == 0 {
		return start
	}
	return time.Unix(0, int64(b))
}
