package dispatch

import (
	"context"
	"sync"
	"time"
)

// pulseInterval is how often the process checks that it runs.
const pulseInterval = time.Second

// standstills counts the times in which the process did not run: it was stopped, or the machine slept. A run that spans one says
// nothing about the target: the answer may have waited for us. A forward step of the wall clock cannot be told apart and counts too.
type standstills struct {
	wall func() time.Time

	mu    sync.Mutex
	last  time.Time // of the last check, by the wall clock, which goes on meanwhile; zero before the first
	count int
}

// check notes that the process runs, and returns how many times it has stood still so far.
func (s *standstills) check() int {
	now := s.wall().Round(0)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.last.IsZero() && now.Sub(s.last) > pulseInterval+gapTolerance {
		s.count++
	}
	s.last = now
	return s.count
}

// watch checks until ctx ends or ended is closed.
func (s *standstills) watch(ctx context.Context, ended <-chan struct{}) {
	pulse := time.NewTicker(pulseInterval)
	defer pulse.Stop()
	for {
		select {
		case <-pulse.C:
			s.check()
		case <-ended:
			return
		case <-ctx.Done():
			return
		}
	}
}
