package otel

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
)

// histogram is one metric of durations, with a distribution for each key. The SDK would keep each once for every reader, and
// allot all its buckets at once, of which most stay empty.
type histogram[K comparable] struct {
	about
	attributes func(K) []attribute.KeyValue // of a series; made when they are read
	series     series[K, distribution]
}

// record counts a duration in seconds. The trace that ctx stands in becomes the exemplar if it is kept.
func (h *histogram[K]) record(ctx context.Context, key K, seconds float64) {
	h.series.get(key).record(ctx, seconds, h.bounds)
}
