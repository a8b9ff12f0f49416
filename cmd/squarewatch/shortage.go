package main

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"squarewatch/probe"
)

// shortageOver is the time without a failure on our own side after which the trouble counts as over.
const shortageOver = time.Minute

// shortage is the sink that records whether squarewatch itself runs out of descriptors, ports, buffers or memory. It logs one line when
// that begins and one when it ends.
type shortage struct {
	logger *slog.Logger

	mu          sync.Mutex
	first, last time.Time // of the runs that failed; zero while there is no trouble
	runs        int
	reason      string // of the last one
}

var _ probe.Sink = (*shortage)(nil)

// Finished records whether a run failed on our own side.
func (s *shortage) Finished(r *probe.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Blame == probe.BlameWatcher:
		if s.first.IsZero() {
			s.first, s.runs = r.End, 0
			s.logger.Error("squarewatch itself is in trouble: no rule counts runs that fail for this reason",
				"probe", r.Probe, "reason", r.Reason,
				"fix", "raise LimitNOFILE= of the service, lower limits.concurrency, or stop other programs that use up the machine")
		}
		s.last, s.reason = r.End, r.Reason
		s.runs++
	case !s.first.IsZero() && r.End.Sub(s.last) >= shortageOver:
		s.logger.Info("squarewatch is no longer in trouble", "runs", s.runs, "lasted", s.last.Sub(s.first).Round(time.Second))
		s.first, s.reason = time.Time{}, ""
	}
}

// Missed does nothing: a missed run says nothing about resources.
func (s *shortage) Missed(probe.Miss) {}

// fault describes the trouble for status; empty for none.
func (s *shortage) fault() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s failed since %s; no rule counts them: %s", withNumber(s.runs, "run"), s.first.UTC().Format(time.RFC3339), s.reason)
}
