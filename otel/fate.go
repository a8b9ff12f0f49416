package otel

import (
	"fmt"
	"time"

	"squarewatch/otel/collector"
	"squarewatch/otel/otlperr"
	"squarewatch/probe"
)

// FateState is what became of a trace.
type FateState string

// The states of a trace.
const (
	FateOff     FateState = "off"      // no traces are sent
	FateNotKept FateState = "not_kept" // the run is healthy, and not in the share that is kept
	FateWaiting FateState = "waiting"  // it waits until the collector accepts it
	FateLost    FateState = "lost"     // the collector did not accept it, and there is no spool
	FateSent    FateState = "sent"     // as far as squarewatch knows, the collector has it
)

// Fate says whether the collector has the trace of a run, as far as this process knows.
type Fate struct {
	State FateState
	Why   string // for people: why it is kept or not, or why it has not arrived
}

// queued is how long the spans of a run may stay in memory before they are sent or written to the disk.
const queued = 10 * time.Second

// Fate returns what became of the trace of a stored run. For a run of an earlier process, it knows only the run and the present
// settings.
func (t *Telemetry) Fate(r *probe.Result) Fate {
	k := &t.recorder.keeper
	if !k.enabled {
		return Fate{State: FateOff, Why: "no collector of traces is configured"}
	}
	kept := k.reason(r)
	if kept == notKept || kept == keptSlow {
		if kept = notKept; k.knows(r.Trace) {
			kept = keptForReason
		}
	}
	if kept == notKept {
		return Fate{State: FateNotKept, Why: "the run was healthy, and telemetry.keep_healthy did not keep it"}
	}
	if state, why := t.delivery(r.End); state != FateSent {
		return Fate{State: state, Why: why}
	}
	return Fate{State: FateSent, Why: kept}
}

// Now returns what becomes of the traces that are kept at a time.
func (t *Telemetry) Now(now time.Time) Fate {
	if !t.recorder.keeper.enabled {
		return Fate{State: FateOff, Why: "no collector of traces is configured"}
	}
	state, why := t.delivery(now)
	return Fate{State: state, Why: why}
}

// delivery says whether what was recorded at a time has reached the collector.
func (t *Telemetry) delivery(at time.Time) (FateState, string) {
	if t.spool == nil {
		for _, s := range t.statuses {
			since := s.failingSince()
			if s.signal == collector.SignalTraces && !since.IsZero() && at.After(since.Add(-queued)) {
				return FateLost, fmt.Sprintf("the collector has not accepted traces since %s, and there is no spool: %s", utc(since),
					otlperr.Short(s.lastFailure()))
			}
		}
		return FateSent, ""
	}
	s := t.spool.State()
	switch {
	case !s.Failing.IsZero() && at.After(s.Failing.Add(-queued)):
		return FateWaiting, fmt.Sprintf("the collector has not accepted traces since %s: %s", utc(s.Failing), otlperr.Short(s.Failure))
	case s.Failing.IsZero() && s.Batches > 1:
		return FateWaiting, fmt.Sprintf("%d batches of spans are being sent after an outage of the collector", s.Batches)
	case s.Dropped > 0:
		return FateSent, fmt.Sprintf("the collector may lack spans: %d were lost since the start", s.Dropped)
	}
	return FateSent, ""
}

func utc(t time.Time) string { return t.UTC().Format("2 Jan 15:04:05") }
