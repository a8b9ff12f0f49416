package main

import (
	"slices"
	"sync"
	"time"

	"squarewatch/alert"
)

// pastSilences remembers for the page the silences that people set, including those that ended. The zero value is ready to use.
type pastSilences struct {
	mu  sync.Mutex
	all []alert.Silence
}

// update receives the silences that are set now. A known silence that is not among them was removed.
func (p *pastSilences) update(set []alert.Silence, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.all {
		known := &p.all[i]
		if known.End().After(now) && !slices.ContainsFunc(set, func(s alert.Silence) bool { return s.ID == known.ID }) {
			known.Removed = now
		}
	}
	for i := range set {
		p.addLocked(&set[i])
	}
	p.all = slices.DeleteFunc(p.all, func(s alert.Silence) bool { return s.End().Before(now.Add(-listedFor)) })
}

// recall adds stored silences of an earlier process.
func (p *pastSilences) recall(stored []alert.Silence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range stored {
		p.addLocked(&stored[i])
	}
}

// addLocked adds a silence unless it is known.
func (p *pastSilences) addLocked(silence *alert.Silence) {
	if !slices.ContainsFunc(p.all, func(known alert.Silence) bool { return known.ID == silence.ID }) {
		p.all = append(p.all, *silence)
	}
}

// list returns the silences in the order in which they were added.
func (p *pastSilences) list() []alert.Silence {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.all)
}
