package main

import (
	"sync"
	"time"

	"squarewatch/probe"
)

// board is the sink that knows how every probe stands.
type board struct {
	mu     sync.Mutex
	probes map[string]*standing
}

// standing is how a probe stands since the start.
type standing struct {
	class    probe.Class
	code     int
	expected bool
	upSince  time.Time // of the first expected run in a row; zero while the last was not
	runs     int
	missed   int
}

var _ probe.Sink = (*board)(nil)

func newBoard() *board { return &board{probes: map[string]*standing{}} }

func (b *board) of(name string) *standing {
	s := b.probes[name]
	if s == nil {
		s = &standing{}
		b.probes[name] = s
	}
	return s
}

// Finished notes a result.
func (b *board) Finished(r *probe.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.of(r.Probe)
	switch {
	case !r.Expected:
		s.upSince = time.Time{}
	case s.upSince.IsZero():
		s.upSince = r.End.Round(0)
	}
	s.class, s.code, s.expected = r.Class, r.Code, r.Expected
	s.runs++
}

// Missed counts runs that were not started.
func (b *board) Missed(m probe.Miss) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.of(m.Probe).missed += m.Count
}

// get returns how a probe stands.
func (b *board) get(name string) standing {
	b.mu.Lock()
	defer b.mu.Unlock()
	return *b.of(name)
}
