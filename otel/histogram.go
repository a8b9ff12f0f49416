package otel

import (
	"context"
	"maps"
	"sync"

	"go.opentelemetry.io/otel/attribute"
)

// histogram is one metric of durations, with a series for each key. The SDK would keep each series once for every
// reader, and allot all its buckets at once: 292 MB at 10,000 probes, of which most was empty. This one is kept once, and
// read by whoever asks, as the registry has it.
type histogram[K comparable] struct {
	about
	attributes func(K) []attribute.KeyValue // of a series; made when they are read

	mu     sync.RWMutex
	series map[K]*distribution
}

// record counts a duration in seconds. The trace that ctx stands in becomes the exemplar if it is kept.
func (h *histogram[K]) record(ctx context.Context, key K, seconds float64) {
	h.mu.RLock()
	d := h.series[key]
	h.mu.RUnlock()
	if d == nil {
		d = h.begin(key)
	}
	d.record(ctx, seconds, h.bounds)
}

func (h *histogram[K]) begin(key K) *distribution {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.series == nil {
		h.series = map[K]*distribution{}
	}
	d := h.series[key]
	if d == nil {
		d = &distribution{}
		h.series[key] = d
	}
	return d
}

// all returns the series as they are now: their locks guard what is in them.
func (h *histogram[K]) all() map[K]*distribution {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return maps.Clone(h.series)
}
