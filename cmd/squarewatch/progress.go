package main

import (
	"sync"
	"time"

	"squarewatch/probe"
)

// progress is the sink that keeps the time of the last finished run, which feeds the service manager's watchdog. A finished run shows
// that the daemon works; a timer alone would not.
type progress struct {
	mu     sync.Mutex
	last   time.Time
	probes []probe.Probe // of the newest generation
}

var _ probe.Sink = (*progress)(nil)

// Finished records the time.
func (p *progress) Finished(*probe.Result) { p.touch(time.Now()) }

// Missed does nothing: a missed run is not progress.
func (p *progress) Missed(probe.Miss) {}

func (p *progress) touch(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = now
}

// watch sets the probes whose runs are expected.
func (p *progress) watch(probes []probe.Probe) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probes = probes
}

// watchdogSlack is how late a run may finish before the daemon counts as stuck.
const watchdogSlack = 15 * time.Second

// alive reports whether runs finish when they are due. They do when no probe has become due since the last finished run, or when the
// first one that did still has time to answer.
func (p *progress) alive(now time.Time) bool {
	p.mu.Lock()
	last, probes := p.last, p.probes
	p.mu.Unlock()
	if len(probes) == 0 || now.Sub(last) < watchdogSlack {
		return true
	}
	var first time.Time
	var longest time.Duration
	for i := range probes {
		if next := probes[i].Schedule.Next(last); first.IsZero() || next.Before(first) {
			first = next
		}
		longest = max(longest, probes[i].Longest())
	}
	return now.Before(first.Add(longest + watchdogSlack))
}
