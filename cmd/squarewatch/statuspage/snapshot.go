package statuspage

import (
	"context"
	"time"
)

// snapshot returns the snapshot that all viewers see now. While somebody listens, Run makes one each second, so that no request waits for
// it. Otherwise a request makes one, at most once a second.
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

// younger returns the snapshot that is shown, and the number of runs before it, when it was made less than a time ago; nil otherwise.
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

// renew makes a snapshot, unless there is one that is younger than a time, and returns it with the number of runs before it. What a person
// changes meanwhile makes it outdated: then it makes another one.
func (s *Server) renew(ctx context.Context, limit time.Duration) (made *Snapshot, runs uint64) {
	s.making.Lock()
	defer s.making.Unlock()
	for {
		if shown, before := s.younger(limit); shown != nil {
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

// show makes a snapshot the one that is shown; false when a person changed something since it was begun.
func (s *Server) show(made *Snapshot, runs uint64, changes int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes != changes {
		return false
	}
	s.shown, s.runs, s.sheets = made, runs, map[string]*sheet{}
	return true
}

// sheet returns the page of a snapshot at an address. It is shared while the snapshot is shown, up to a number of addresses.
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
