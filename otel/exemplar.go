package otel

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/trace"
)

// latest keeps the newest measurement of a series as its exemplar: that trace is the one that is sure to be there still. The
// SDK's own reservoirs take two or three kilobytes a series, which is too much for 10,000 probes with two readers.
type latest struct {
	mu    sync.Mutex
	at    time.Time // zero while there is none
	value exemplar.Value
	trace trace.TraceID
	span  trace.SpanID
}

var _ exemplar.Reservoir = (*latest)(nil)

func newLatest(attribute.Set) exemplar.Reservoir { return &latest{} }

// Offer takes a measurement.
func (l *latest) Offer(ctx context.Context, at time.Time, value exemplar.Value, _ []attribute.KeyValue) {
	where := trace.SpanContextFromContext(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at, l.value, l.trace, l.span = at, value, where.TraceID(), where.SpanID()
}

// Collect hands out the newest measurement since the last time.
func (l *latest) Collect(dest *[]exemplar.Exemplar) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*dest = (*dest)[:0]
	if l.at.IsZero() {
		return
	}
	kept := exemplar.Exemplar{Time: l.at, Value: l.value}
	if l.trace.IsValid() {
		id, span := l.trace, l.span // copies: who exports them does so later
		kept.TraceID, kept.SpanID = id[:], span[:]
	}
	*dest = append(*dest, kept)
}
