package metric

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// exemplar is the newest measurement of a series that belongs to a sampled trace. The newest trace is the one that the trace store is
// most likely to still have. One slot is enough: the SDK's exemplar reservoirs take two to three kilobytes a series.
type exemplar struct {
	at    int64 // Unix time in nanoseconds; zero when there is no exemplar
	value float64
	trace trace.TraceID
	span  trace.SpanID
}

// set replaces the exemplar if the trace of ctx is sampled.
func (e *exemplar) set(ctx context.Context, value float64) {
	if sc := trace.SpanContextFromContext(ctx); sc.IsSampled() {
		*e = exemplar{at: time.Now().UnixNano(), value: value, trace: sc.TraceID(), span: sc.SpanID()}
	}
}
