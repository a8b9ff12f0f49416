package metric

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
)

// Histogram is a metric of durations. It has one distribution for each key.
type Histogram[K comparable] struct {
	Descriptor
	attributes func(K) []attribute.KeyValue
	series     series[K, distribution]
}

// Record counts a duration in seconds. The trace of ctx becomes the exemplar if the trace is sampled.
func (h *Histogram[K]) Record(ctx context.Context, key K, seconds float64) {
	h.series.getOrCreate(key).record(ctx, seconds, h.Bounds)
}

// AmongLongest reports whether a duration in seconds belongs to the given share (0 to 1) of the longest durations of a series. It
// returns false if the series has fewer than minimum durations. It is as exact as the exponential buckets: durations in the same
// bucket count as equally long.
func (h *Histogram[K]) AmongLongest(key K, seconds, share float64, minimum uint64) bool {
	d := h.series.get(key)
	return d != nil && d.amongLongest(seconds, share, minimum)
}

// DeleteFunc deletes the series for whose key del returns true.
func (h *Histogram[K]) DeleteFunc(del func(K) bool) { h.series.deleteFunc(del) }
