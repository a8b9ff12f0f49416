package statuspage

import (
	"context"
	"time"
)

// snapshot returns the snapshot that all viewers see now. While a viewer has events open, Run makes one each second, so that requests do
// not wait for it. Otherwise a request makes one, at most once a second.
func (s *Server) snapshot(ctx context.Context) *Snapshot {
	limit := refresh
	if s.viewers.listening() {
		limit = 2 * refresh
	}
	if shown, _ := s.younger(limit); shown != nil {
		return shown
	}
	made, _ := s.renew(ctx, refresh)
	return made
}

// younger returns the shown snapshot, and the number of runs before it. It returns nil when the snapshot is not younger than limit.
func (s *Server) younger(limit time.Duration) (shown *Snapshot, runs uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shown == nil {
		return nil, 0
	}
	if age := time.Since(s.shown.Now); age < 0 || age >= limit {
		return nil, 0
	}
	return s.shown, s.runs
}

// renew returns a snapshot with the number of runs before it. It makes one unless the shown one is younger than limit, or was begun while
// the caller waited. Many callers of a slow snapshot thus share it. It makes another one when a person changed something meanwhile.
func (s *Server) renew(ctx context.Context, limit time.Duration) (made *Snapshot, runs uint64) {
	asked := time.Now()
	s.making <- struct{}{}
	defer func() { <-s.making }()
	for {
		if shown, before := s.younger(max(limit, time.Since(asked))); shown != nil {
			return shown, before
		}
		s.mu.Lock()
		changes := s.changes
		s.mu.Unlock()
		runs = s.strips.Changes()
		made = s.source.Snapshot(ctx, time.Now())
		if s.show(made, runs, changes) {
			return made, runs
		}
	}
}

// show shows a snapshot. It returns false, and does not show it, when a person changed something since it was begun.
func (s *Server) show(made *Snapshot, runs uint64, changes int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes != changes {
		return false
	}
	s.shown, s.runs, s.sheets = made, runs, map[string]*sheet{}
	return true
}

// sheet returns the page of a snapshot at an address. Requests share it while the snapshot is shown, for at most maxSheets addresses.
func (s *Server) sheet(shown *Snapshot, address string) *sheet {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.sheets[address]
	switch {
	case s.shown != shown:
		return &sheet{}
	case found == nil:
		found = &sheet{}
		if len(s.sheets) < maxSheets {
			s.sheets[address] = found
		}
	}
	return found
}

// Changed is called after a person changed something. The next page shows the change, and the viewers load theirs again.
func (s *Server) Changed() {
	s.mu.Lock()
	s.shown, s.sheets = nil, nil
	s.changes++
	s.mu.Unlock()
	s.viewers.wake()
}

// forget releases the snapshot some time after the last viewer left. It holds much memory when there are many probes.
func (s *Server) forget(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shown != nil && now.Sub(s.shown.Now) >= forgetAfter {
		s.shown, s.sheets = nil, nil
	}
}
