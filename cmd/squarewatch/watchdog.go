package main

import (
	"bytes"
	"runtime/pprof"
	"sync"
	"time"

	"squarewatch/probe"
)

// progress is the sink that knows when a run last finished: what the service manager's watchdog is fed with. A timer would
// prove that a timer works; a finished run proves that the daemon does its job.
type progress struct {
	mu     sync.Mutex
	last   time.Time
	probes []probe.Probe // those of the newest generation
}

var _ probe.Sink = (*progress)(nil)

// Finished notes the time of the result.
func (p *progress) Finished(*probe.Result) { p.touch(time.Now()) }

// Missed is no progress.
func (p *progress) Missed(probe.Miss) {}

func (p *progress) touch(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = now
}

// lastFinished returns when a run last finished, or the start.
func (p *progress) lastFinished() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// watch names the probes that are to finish runs.
func (p *progress) watch(probes []probe.Probe) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probes = probes
}

// watchdogSlack is how much later than due a run may finish before the daemon counts as stuck.
const watchdogSlack = 15 * time.Second

// alive reports whether a run finished when the last one was due: since the last finished run no probe has become due,
// or the first that did still has its time to answer.
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

// goroutines returns the stacks of all goroutines, equal ones once with their number, cut to maxDump.
func goroutines() string {
	var dump bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&dump, 1); err != nil {
		return err.Error()
	}
	return string(dump.Bytes()[:min(dump.Len(), maxDump)])
}
