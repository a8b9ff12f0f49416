package main

import (
	"bytes"
	"runtime/pprof"
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

// lastFinished returns the time when a run last finished; the start if none has.
func (p *progress) lastFinished() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// watch sets the probes whose runs are expected.
func (p *progress) watch(probes []probe.Probe) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probes = probes
}

// watchdogSlack is how late a run may finish before the daemon counts as stuck.
const watchdogSlack = 15 * time.Second

// alive reports whether runs finish when they are due. It reports true when no probe has become due since the last finished run, or when
// the probe that became due first still has time to answer.
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

// maxDump is the size in bytes of the largest dump of goroutines in the log. The journal splits or drops larger lines
// (https://github.com/systemd/systemd/blob/v252/man/journald.conf.xml, LineMax=).
const maxDump = 32 << 10

// goroutines returns the stacks of all goroutines. Equal stacks appear once, with their number. The text is cut to maxDump.
func goroutines() string {
	var dump bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&dump, 1); err != nil {
		return err.Error()
	}
	return string(dump.Bytes()[:min(dump.Len(), maxDump)])
}
