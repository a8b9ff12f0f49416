package metric

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
)

// Histogram is one metric of durations, with a distribution for each key. The SDK would keep each once for every reader, and
// allot all its buckets at once, of which most stay empty.
type Histogram[K comparable] struct {
	Descriptor
	attributes func(K) []attribute.KeyValue // of a series; made when they are read
	series     series[K, distribution]
}

// Record counts a duration in seconds. The trace that ctx stands in becomes the exemplar if it is kept.
func (h *Histogram[K]) Record(ctx context.Context, key K, seconds float64) {
	h.series.get(key).record(ctx, seconds, h.Bounds)
}

// AmongLongest reports whether a duration in seconds is above all but a share of those of a series, if they are enough to tell.
func (h *Histogram[K]) AmongLongest(key K, seconds, share float64, enough uint64) bool {
	before := h.series.look(key)
	return before != nil && before.amongLongest(seconds, share, enough)
}

// DeleteFunc drops the series of keys that are gone.
func (h *Histogram[K]) DeleteFunc(gone func(K) bool) { h.series.forget(gone) }
