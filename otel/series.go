package otel

import (
	"maps"
	"sync"
	"time"
)

// series are what a metric holds for each of its keys. Keys come from the configuration and never from an answer, so that
// the configuration bounds them.
type series[K comparable, V any] struct {
	mu   sync.RWMutex
	held map[K]*V
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
	maps.DeleteFunc(s.held, func(key K, _ *V) bool { return gone(key) })
}

// all returns the series as they are now. What is in them has locks of its own.
func (s *series[K, V]) all() map[K]*V {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.held)
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
