package otel

import (
	"encoding/binary"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"squarewatch/config/setting"
	"squarewatch/probe"
)

// What makes a healthy run worth keeping.
const (
	lateRun     = 100 * time.Millisecond // started so long after it was due
	slowShare   = 0.01                   // among the slowest of its probe
	slowMinimum = 100                    // runs of a probe before any is called slow
)

// keeper decides which traces are kept. It decides when the run has ended, so that all of its spans are written or none,
// and before they are, so that a dropped run costs no memory.
type keeper struct {
	on        bool // there is somewhere to send traces to
	durations *histogram[durationKey]
	limit     atomic.Uint64 // traces are kept whose identifier lies below
}

// setShare sets how many of the healthy runs are kept.
func (k *keeper) setShare(share setting.Share) {
	if share >= 1 {
		k.limit.Store(math.MaxUint64)
		return
	}
	k.limit.Store(uint64(float64(share) * (1 << 63)))
}

// keeps reports whether the trace of a run is kept: of every run that was unexpected, asked again, renewed its credential,
// was late or slow; else of a share, chosen by the identifier as the SDK's TraceIDRatioBased does it, so that services with
// the same share keep the same traces.
func (k *keeper) keeps(r *probe.Result) bool {
	if !k.on {
		return false
	}
	chosen := binary.BigEndian.Uint64(r.Trace[8:])>>1 < k.limit.Load()
	return chosen || !r.Expected || r.AskedRenewal || askedAgain(r) || (!r.Intended.IsZero() && r.Lateness() >= lateRun) || k.slow(r)
}

func askedAgain(r *probe.Result) bool {
	return slices.ContainsFunc(r.Attempts, func(a probe.Attempt) bool {
		return a.Cause != probe.CauseFirst && a.Cause != probe.CauseRedirect
	})
}

// slow reports whether a run took longer than nearly all runs of its probe before it.
func (k *keeper) slow(r *probe.Result) bool {
	before := k.durations.series.look(durationKey{r.Probe, r.Class})
	return before != nil && before.amongLongest(r.Latency().Seconds(), slowShare, slowMinimum)
}

// amongLongest reports whether a duration in seconds is above all but a share of those recorded, if they are enough to tell.
// It is as exact as a bucket: of those in the same bucket none counts as shorter.
func (d *distribution) amongLongest(seconds, share float64, enough uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	count := d.fixed.total()
	if count < enough || seconds <= 0 {
		return false
	}
	index := exponentialIndex(seconds, d.scale)
	var notShorter uint64
	for i, n := range slices.Backward(d.exact.counts) {
		if d.exact.first+int32(i) < index {
			break
		}
		notShorter += n
	}
	return float64(notShorter) <= share*float64(count)
}
