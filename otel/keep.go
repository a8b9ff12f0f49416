package otel

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"squarewatch/config/setting"
	"squarewatch/otel/metric"
	"squarewatch/probe"
)

// A healthy run that is late or slow is always kept.
const (
	lateRun     = 100 * time.Millisecond // a run is late when it started at least this long after it was due
	slowShare   = 0.01                   // a run is slow when it is among this share of the slowest runs of its probe
	slowMinimum = 100                    // but only if the probe has so many runs
)

// keeper decides which traces are kept (tail sampling). It decides after the run has ended, so either all spans of a run are written or
// none. It decides before the spans are written, so a dropped run allocates no memory.
type keeper struct {
	enabled   bool // traces are exported
	durations *metric.Histogram[durationKey]
	limit     atomic.Uint64 // a healthy trace is kept if its identifier is below

	mu         sync.Mutex
	remembered []probe.TraceID // the newest traces that are kept for a reason that a stored run does not show
}

// maxRemembered limits the traces that a keeper remembers: 64 KiB.
const maxRemembered = 4096

// remember adds a trace, in place of the oldest half when there is no room.
func (k *keeper) remember(trace probe.TraceID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.remembered) >= maxRemembered {
		k.remembered = append(k.remembered[:0], k.remembered[maxRemembered/2:]...)
	}
	k.remembered = append(k.remembered, trace)
}

// knows reports whether a trace is remembered.
func (k *keeper) knows(trace probe.TraceID) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Contains(k.remembered, trace)
}

// setShare sets the share of healthy runs that are kept.
func (k *keeper) setShare(share setting.Share) {
	if share >= 1 {
		k.limit.Store(math.MaxUint64)
		return
	}
	k.limit.Store(uint64(float64(share) * (1 << 63)))
}

// keeps reports whether the trace of a run is kept.
func (k *keeper) keeps(r *probe.Result) bool {
	why := k.reason(r)
	if why == keptRenewal || why == keptSlow { // a stored run does not show it
		k.remember(r.Trace)
	}
	return why != notKept
}

// The reasons for which a trace is kept.
const (
	notKept       = ""
	keptBad       = "the run was unexpected"
	keptRepeated  = "the run sent its request more than once"
	keptLate      = "the run started late"
	keptRenewal   = "the run renewed its credential"
	keptShare     = "it is in the share of healthy runs that telemetry.keep_healthy keeps"
	keptSlow      = "the run was among the slowest of its probe"
	keptForReason = "the run was among the slowest of its probe, or renewed its credential"
)

// reason returns why the trace of a run is kept. It keeps every run that was unexpected, late or slow, that was sent more than once, or
// that renewed its credential. Of the other runs it keeps a share. The share depends on the trace identifier in the same way as the
// SDK's TraceIDRatioBased, so services with the same share keep the same traces
// (https://pkg.go.dev/go.opentelemetry.io/otel/sdk/trace#TraceIDRatioBased).
func (k *keeper) reason(r *probe.Result) string {
	switch {
	case !k.enabled:
		return notKept
	case !r.Expected:
		return keptBad
	case repeated(r):
		return keptRepeated
	case !r.Intended.IsZero() && r.Lateness() >= lateRun:
		return keptLate
	case r.AskedRenewal:
		return keptRenewal
	case binary.BigEndian.Uint64(r.Trace[8:])>>1 < k.limit.Load():
		return keptShare
	case k.slow(r):
		return keptSlow
	}
	return notKept
}

// repeated reports whether a request was sent more than once, other than to follow a redirect.
func repeated(r *probe.Result) bool {
	return slices.ContainsFunc(r.Attempts, func(a probe.Attempt) bool {
		return a.Cause != probe.CauseFirst && a.Cause != probe.CauseRedirect
	})
}

// slow reports whether a run took longer than nearly all earlier runs of its probe with the same class.
func (k *keeper) slow(r *probe.Result) bool {
	return k.durations.AmongLongest(durationKey{probe: r.Probe, class: r.Class}, r.Latency().Seconds(), slowShare, slowMinimum)
}
