package main

import (
	"sync"
	"time"

	"squarewatch/probe"
)

// probeStates is the sink that keeps the latest state of every probe, for the status command and API.
type probeStates struct {
	mu     sync.Mutex
	probes map[string]*probeState
}

// probeState is the last result of a probe, and its counts since the start.
type probeState struct {
	class    probe.Class
	code     int
	expected bool
	upSince  time.Time // end of the first expected run in a row; zero when the last run was unexpected
	badSince time.Time // end of the first unexpected run in a row; zero when the last run was expected
	runs     int
	missed   int
}

var _ probe.Sink = (*probeStates)(nil)

func newProbeStates() *probeStates { return &probeStates{probes: map[string]*probeState{}} }

func (b *probeStates) ofLocked(name string) *probeState {
	s := b.probes[name]
	if s == nil {
		s = &probeState{}
		b.probes[name] = s
	}
	return s
}

// Finished records a result.
func (b *probeStates) Finished(r *probe.Result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.ofLocked(r.Probe)
	switch {
	case !r.Expected && s.badSince.IsZero():
		s.upSince, s.badSince = time.Time{}, r.End.Round(0)
	case r.Expected && s.upSince.IsZero():
		s.upSince, s.badSince = r.End.Round(0), time.Time{}
	}
	s.class, s.code, s.expected = r.Class, r.Code, r.Expected
	s.runs++
}

// Missed counts runs that were not started.
func (b *probeStates) Missed(m probe.Miss) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ofLocked(m.Probe).missed += m.Count
}

// get returns the state of a probe.
func (b *probeStates) get(name string) probeState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return *b.ofLocked(name)
}
