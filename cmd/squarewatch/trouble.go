package main

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"squarewatch/probe"
)

// troubleOver is how long no run must have failed on our own side before the trouble counts as over.
const troubleOver = time.Minute

// trouble is the sink that knows whether squarewatch itself runs out of descriptors, ports, buffers or memory. It logs one line when
// that begins and one when it is over.
type trouble struct {
	logger *slog.Logger

	mu          sync.Mutex
	first, last time.Time // of the runs that failed; zero while there is no trouble
	runs        int
	reason      string // of the last one
}

var _ probe.Sink = (*trouble)(nil)

// Finished notes whether a run failed on our own side.
func (t *trouble) Finished(r *probe.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case r.Blame == probe.BlameWatcher:
		if t.first.IsZero() {
			t.first, t.runs = r.End, 0
			t.logger.Error("squarewatch itself is in trouble: runs that fail for this count for no rule", "probe", r.Probe, "reason", r.Reason,
				"fix", "raise LimitNOFILE= of the service, lower limits.concurrency, or stop what else uses up the machine")
		}
		t.last, t.reason = r.End, r.Reason
		t.runs++
	case !t.first.IsZero() && r.End.Sub(t.last) >= troubleOver:
		t.logger.Info("squarewatch has what it needs again", "runs", t.runs, "lasted", t.last.Sub(t.first).Round(time.Second))
		t.first, t.reason = time.Time{}, ""
	}
}

// Missed is not about what a run needs.
func (t *trouble) Missed(probe.Miss) {}

// fault says what the trouble is, for status; empty for none.
func (t *trouble) fault() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d runs failed since %s and count for no rule: %s", t.runs, t.first.UTC().Format(time.RFC3339), t.reason)
}
