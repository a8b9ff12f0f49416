package otel

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
)

// counter is one metric that only grows, with a total for each key.
type counter[K comparable] struct {
	about
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

// begin makes the series of key count from zero, so that to Prometheus the first that is added is an increase.
func (c *counter[K]) begin(key K) {
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

// add adds n. The trace that ctx stands in becomes the exemplar if it is kept.
func (c *counter[K]) add(ctx context.Context, key K, n int) {
	t := c.series.get(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin()
	t.sum += int64(n)
	t.newest.take(ctx, float64(n))
}
