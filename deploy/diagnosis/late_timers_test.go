//go:build diagnosis

package diagnosis_test

import (
	"context"
	"sync"
	"time"
)

// The machine is too busy for a case when a timer of this process is this late during the case. A run of the daemon would be as late, and
// its timeout would be announced as a fault.
const (
	tooLate    = 700 * time.Millisecond
	maxTries   = 3                // how often a case is played on a machine that is too busy
	longReplay = 10 * time.Minute // after this time no case is played again
)

// lateTimers measures how late timers are.
type lateTimers struct {
	mu   sync.Mutex
	late []time.Time // when a timer was too late
}

// measure runs until ctx ends.
func (p *lateTimers) measure(ctx context.Context) {
	const every = 50 * time.Millisecond
	for due := time.Now().Add(every); rest(ctx, time.Until(due)); due = time.Now().Add(every) {
		if now := time.Now(); now.Sub(due) > tooLate {
			p.mu.Lock()
			p.late = append(p.late, now)
			p.mu.Unlock()
		}
	}
}

// missed reports whether a timer was too late between two times.
func (p *lateTimers) missed(from, to time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.late {
		if at.After(from) && at.Before(to) {
			return true
		}
	}
	return false
}
