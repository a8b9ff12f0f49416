package dispatch

import (
	"context"
	"sync"
	"time"
)

// checkInterval is how often the process checks that it runs.
const checkInterval = time.Second

// standstills counts the times in which the process did not run: it was stopped, or the machine slept. A run that spans one says
// nothing about the target: the answer may have waited for us. A forward step of the wall clock looks the same and counts too.
type standstills struct {
	wall func() time.Time

	mu    sync.Mutex
	last  time.Time // the last check by the wall clock, which continues while the process stands still; zero before the first
	count int
}

// check records that the process runs, and returns how many times it has stood still so far.
func (s *standstills) check() int {
	now := s.wall().Round(0)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.last.IsZero() && now.Sub(s.last) > checkInterval+gapTolerance {
		s.count++
	}
	s.last = now
	return s.count
}

// watch checks until ctx ends or ended is closed.
func (s *standstills) watch(ctx context.Context, ended <-chan struct{}) {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.check()
		case <-ended:
			return
		case <-ctx.Done():
			return
		}
	}
}
