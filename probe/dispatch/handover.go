package dispatch

import (
	"time"

	"golang.org/x/time/rate"

	"squarewatch/probe"
)

// Handover is the state that a dispatcher passes to the next one. With it a reload loses no run, starts no run twice, does not
// run a probe while its last run continues, and keeps the schedule of failing probes. For the first dispatcher set only Since.
type Handover struct {
	Since  time.Time // runs that were due until then have been started or reported
	at     time.Time // when it was handed over; zero for the first dispatcher
	probes map[string]probeState
	pacer  *rate.Limiter // shared, so that the rate limits both dispatchers together
}

// probeState is the state of one probe at a handover.
type probeState struct {
	failing  bool
	busy     *item // the item with a run that continues; nil for none
	schedule probe.Schedule
	next     time.Time // when its next run is due
}

// addLocked adds the state of a probe. The lock of its dispatcher is held.
func (h *Handover) addLocked(it *item) {
	left := probeState{failing: it.failing, schedule: it.schedule(), next: it.next}
	switch {
	case it.busy.Load():
		left.busy = it
	case it.running():
		left.busy = it.predecessor
	}
	if h.probes == nil {
		h.probes = map[string]probeState{}
	}
	h.probes[it.Probe.Name] = left
}

// nextOf returns when the next run of a probe is due. A probe that was added, or has another schedule now, was not due before the handover.
func (h *Handover) nextOf(it *item) time.Time {
	left, known := h.probes[it.Probe.Name]
	switch {
	case known && left.schedule.Equal(it.schedule()):
		return left.next
	case h.at.IsZero():
		return it.schedule().Next(h.Since)
	}
	return it.schedule().Next(h.at)
}
