package metric

import (
	"iter"
	"sync"
	"time"
)

// series holds one value for each key of a metric. Keys come from the configuration and never from an API response, so the
// configuration limits their number.
type series[K comparable, V any] struct {
	mu     sync.RWMutex
	values map[K]*V
	order  []K // oldest first, so that every export lists the series in the same order
}

// getOrCreate returns the value of key. It creates the value at the first call.
func (s *series[K, V]) getOrCreate(key K) *V {
	if value := s.get(key); value != nil {
		return value
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if value := s.values[key]; value != nil {
		return value
	}
	if s.values == nil {
		s.values = map[K]*V{}
	}
	value := new(V)
	s.values[key] = value
	s.order = append(s.order, key)
	return value
}

// get returns the value of key, or nil.
func (s *series[K, V]) get(key K) *V {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.values[key]
}

// deleteFunc deletes the series for whose key del returns true.
func (s *series[K, V]) deleteFunc(del func(K) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := make([]K, 0, len(s.order)) // a new slice, because all may be reading the old one
	for _, key := range s.order {
		if del(key) {
			delete(s.values, key)
		} else {
			kept = append(kept, key)
		}
	}
	s.order = kept
}

// all returns the series that exist now, oldest first. It skips a series that is deleted during the iteration. The caller must lock
// each value.
func (s *series[K, V]) all() iter.Seq2[K, *V] {
	s.mu.RLock()
	order := s.order
	s.mu.RUnlock()
	return func(yield func(K, *V) bool) {
		for _, key := range order {
			if value := s.get(key); value != nil && !yield(key, value) {
				return
			}
		}
	}
}

// startTime is when a series got its first value, in nanoseconds of Unix time, or zero if it has none yet. A series that was deleted and
// comes back starts at zero again. Its start time tells readers that the total was reset.
type startTime int64

func now() startTime { return startTime(time.Now().UnixNano()) }

// or returns the start time, or the given time if the series has no value yet.
func (t startTime) or(start time.Time) time.Time {
	if t == 0 {
		return start
	}
	return time.Unix(0, int64(t))
}
