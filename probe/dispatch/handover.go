package dispatch

import (
	"time"

	"golang.org/x/time/rate"
)

// Handover is what a dispatcher leaves to the next one, so that a reload loses no run, doubles none, runs no probe twice at
// once, and goes on looking often at what fails. The first dispatcher gets one that says only since when.
type Handover struct {
	Since  time.Time // up to here, runs were started
	probes map[string]legacy
	pacer  *rate.Limiter // so that the rate holds over both
}

// legacy is what is left of a probe.
type legacy struct {
	failing bool
	busy    *item // with a run that goes on; nil for none
}

// note adds what is left of a probe. The lock of its dispatcher is held.
func (h *Handover) note(it *item) {
	left := legacy{failing: it.failing}
	switch {
	case it.busy.Load():
		left.busy = it
	case it.overrun():
		left.busy = it.before
	}
	if left == (legacy{}) {
		return
	}
	if h.probes == nil {
		h.probes = map[string]legacy{}
	}
	h.probes[it.Probe.Name] = left
}
