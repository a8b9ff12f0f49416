package otel

import (
	"encoding/binary"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"squarewatch/config/setting"
	"squarewatch/otel/metric"
	"squarewatch/probe"
)

// A healthy run that is late or slow is always kept.
const (
	lateRun     = 100 * time.Millisecond // a run is late when it started so long after it was due
	slowShare   = 0.01                   // a run is slow when it is among this share of the slowest runs of its probe
	slowMinimum = 100                    // but only if the probe has so many runs
)

// keeper decides which traces are kept (tail sampling). It decides after the run has ended, so either all spans of a run are written or
// none. It decides before the spans are written, so a dropped run allocates no memory.
type keeper struct {
	enabled   bool // traces are exported
	durations *metric.Histogram[durationKey]
	limit     atomic.Uint64 // a healthy trace is kept if its identifier is below
}

// setShare sets the share of healthy runs that are kept.
func (k *keeper) setShare(share setting.Share) {
	if share >= 1 {
		k.limit.Store(math.MaxUint64)
		return
	}
	k.limit.Store(uint64(float64(share) * (1 << 63)))
}

// keeps reports whether the trace of a run is kept. It keeps every run that was unexpected, late or slow, that was sent more than once, or
// that renewed its credential. Of the other runs it keeps a share. The share depends on the trace identifier in the same way as the
// SDK's TraceIDRatioBased, so services with the same share keep the same traces
// (https://pkg.go.dev/go.opentelemetry.io/otel/sdk/trace#TraceIDRatioBased).
func (k *keeper) keeps(r *probe.Result) bool {
	if !k.enabled {
		return false
	}
	inShare := binary.BigEndian.Uint64(r.Trace[8:])>>1 < k.limit.Load()
	late := !r.Intended.IsZero() && r.Lateness() >= lateRun
	return inShare || !r.Expected || r.AskedRenewal || repeated(r) || late || k.slow(r)
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
