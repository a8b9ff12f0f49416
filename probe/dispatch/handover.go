package dispatch

import (
	"time"

	"golang.org/x/time/rate"
)

// Handover is the state that a dispatcher passes to the next one. With it a reload loses no run, starts no run twice, does not
// run a probe while its last run continues, and keeps the schedule of failing probes. For the first dispatcher set only Since.
type Handover struct {
	Since  time.Time // runs that were due until then have been started or reported
	probes map[string]probeState
	pacer  *rate.Limiter // shared, so that the rate limits both dispatchers together
}

// probeState is the state of one probe at a handover.
type probeState struct {
	failing bool
	busy    *item // has a run that continues; nil for none
}

// addLocked adds the state of a probe. The lock of its dispatcher is held.
func (h *Handover) addLocked(it *item) {
	left := probeState{failing: it.failing}
	switch {
	case it.busy.Load():
		left.busy = it
	case it.running():
		left.busy = it.predecessor
	}
	if left == (probeState{}) {
		return
	}
	if h.probes == nil {
		h.probes = map[string]probeState{}
	}
	h.probes[it.Probe.Name] = left
}
