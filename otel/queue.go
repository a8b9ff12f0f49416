package otel

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Spans wait in a queue that holds two seconds of 1,000 runs each of eight spans; what does not fit is dropped and counted. A
// batch leaves soon, so that a link in a message leads to its trace, and that a crash loses few: what the spool has is safe.
const (
	queueSize    = 16384
	batchSize    = 1024
	batchTimeout = 200 * time.Millisecond
)

// queue counts the spans that wait in memory. The SDK's own queue drops what does not fit and tells nobody; this one, around
// it, lets no more in than that one holds, so that every span that is lost is lost here, and counted.
type queue struct {
	logger  *slog.Logger // throttled
	waiting atomic.Int64
	lost    atomic.Int64
}

// newQueued returns a processor that lets spans wait in waiting for exporter.
func newQueued(exporter sdktrace.SpanExporter, waiting *queue, timeout time.Duration) sdktrace.SpanProcessor {
	return &queued{sdktrace.NewBatchSpanProcessor(&leaving{exporter, waiting}, sdktrace.WithMaxQueueSize(queueSize),
		sdktrace.WithMaxExportBatchSize(batchSize), sdktrace.WithBatchTimeout(timeout)), waiting}
}

// queued is the processor that lets spans in.
type queued struct {
	sdktrace.SpanProcessor
	queue *queue
}

// OnEnd takes a span, or drops it when the queue is full.
func (p *queued) OnEnd(s sdktrace.ReadOnlySpan) {
	if p.queue.waiting.Add(1) > queueSize {
		p.queue.waiting.Add(-1)
		p.queue.lost.Add(1)
		p.queue.logger.Error("spans are dropped: they come faster than they can be written",
			"fix", "keep fewer healthy traces with telemetry.keep_healthy, or see why the disk or the collector is slow")
		return
	}
	p.SpanProcessor.OnEnd(s)
}

// leaving is the exporter that lets them out.
type leaving struct {
	sdktrace.SpanExporter
	queue *queue
}

// ExportSpans exports spans; whether they arrived or not, they wait here no more.
func (e *leaving) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	defer e.queue.waiting.Add(-int64(len(spans)))
	return e.SpanExporter.ExportSpans(ctx, spans)
}
