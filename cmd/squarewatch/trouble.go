package main

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"squarewatch/probe"
)

// troubleOver is how long runs must not have failed on our own side before the trouble counts as over.
const troubleOver = time.Minute

// trouble is the sink that records whether squarewatch itself runs out of descriptors, ports, buffers or memory. It logs one line when
// that begins and one when it ends.
type trouble struct {
	logger *slog.Logger

	mu          sync.Mutex
	first, last time.Time // of the runs that failed; zero while there is no trouble
	runs        int
	reason      string // of the last one
}

var _ probe.Sink = (*trouble)(nil)

// Finished records whether a run failed on our own side.
func (t *trouble) Finished(r *probe.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case r.Blame == probe.BlameWatcher:
		if t.first.IsZero() {
			t.first, t.runs = r.End, 0
			t.logger.Error("squarewatch itself is in trouble: no rule counts runs that fail for this reason",
				"probe", r.Probe, "reason", r.Reason,
				"fix", "raise LimitNOFILE= of the service, lower limits.concurrency, or stop what else uses up the machine")
		}
		t.last, t.reason = r.End, r.Reason
		t.runs++
	case !t.first.IsZero() && r.End.Sub(t.last) >= troubleOver:
		t.logger.Info("squarewatch is no longer in trouble", "runs", t.runs, "lasted", t.last.Sub(t.first).Round(time.Second))
		t.first, t.reason = time.Time{}, ""
	}
}

// Missed does nothing: a missed run says nothing about resources.
func (t *trouble) Missed(probe.Miss) {}

// fault describes the trouble for status; empty for none.
func (t *trouble) fault() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d runs failed since %s; no rule counts them: %s", t.runs, t.first.UTC().Format(time.RFC3339), t.reason)
}
