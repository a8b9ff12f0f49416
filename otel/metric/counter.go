package metric

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
)

// Counter is one metric that only grows, with a total for each key.
type Counter[K comparable] struct {
	Descriptor
	attributes func(K) []attribute.KeyValue // of a series; made when they are read
	series     series[K, total]
}

// total is one series of a counter.
type total struct {
	mu     sync.Mutex
	begun  begun
	sum    int64
	newest newest
}

// StartAtZero makes the series of key count from zero, so that to Prometheus the first that is added is an increase.
func (c *Counter[K]) StartAtZero(key K) {
	t := c.series.get(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin()
}

func (t *total) begin() {
	if t.sum == 0 && t.begun == 0 {
		t.begun = now()
	}
}

// Add adds n. The trace that ctx stands in becomes the exemplar if it is kept.
func (c *Counter[K]) Add(ctx context.Context, key K, n int) {
	t := c.series.get(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin()
	t.sum += int64(n)
	t.newest.take(ctx, float64(n))
}

// DeleteFunc drops the series of keys that are gone.
func (c *Counter[K]) DeleteFunc(gone func(K) bool) { c.series.forget(gone) }

// counterFunc is a counter whose total is read.
type counterFunc struct {
	Descriptor
	total func() int64
}
