package metric

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// newest is the last measurement of a series in a trace, its exemplar: of all traces, this one is the surest to be still
// there. The SDK's own reservoirs take two or three kilobytes a series.
type newest struct {
	at    int64 // Unix time in nanoseconds; zero when there is none
	value float64
	trace trace.TraceID
	span  trace.SpanID
}

// take keeps a measurement if the trace that ctx stands in is kept.
func (n *newest) take(ctx context.Context, value float64) {
	if where := trace.SpanContextFromContext(ctx); where.IsSampled() {
		*n = newest{at: time.Now().UnixNano(), value: value, trace: where.TraceID(), span: where.SpanID()}
	}
}
