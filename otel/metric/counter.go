package metric

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
)

// Counter is a metric that only grows. It has one total for each key.
type Counter[K comparable] struct {
	Descriptor
	attributes func(K) []attribute.KeyValue
	series     series[K, total]
}

// total is one series of a counter.
type total struct {
	mu       sync.Mutex
	start    startTime
	sum      int64
	exemplar exemplar
}

// StartAtZero creates the series of key with a total of zero, so that Prometheus sees the first event as an increase.
func (c *Counter[K]) StartAtZero(key K) {
	t := c.series.getOrCreate(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.startLocked()
}

func (t *total) startLocked() {
	if t.start == 0 {
		t.start = now()
	}
}

// Add adds n, which must not be negative. The trace of ctx becomes the exemplar if the trace is sampled.
func (c *Counter[K]) Add(ctx context.Context, key K, n int) {
	t := c.series.getOrCreate(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.startLocked()
	t.sum += int64(n)
	t.exemplar.set(ctx, float64(n))
}

// DeleteFunc deletes the series for whose key del returns true.
func (c *Counter[K]) DeleteFunc(del func(K) bool) { c.series.deleteFunc(del) }

// counterFunc is a counter of one series whose total a callback returns.
type counterFunc struct {
	Descriptor
	total func() int64
}
