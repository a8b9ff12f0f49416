package otel

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// The queue of ended spans holds two seconds of 1,000 runs a second with eight spans each. A batch is exported soon, so that a link in a
// message finds its trace, and so that a crash loses few spans: spans in the spool survive it.
const (
	queueSize    = 16384
	batchSize    = 1024
	batchTimeout = 200 * time.Millisecond
)

// spanQueue counts the spans in the SDK's queue. The SDK drops spans without an error when its queue is full. The processor and the
// exporter around it count what is in the queue, and the processor drops and counts spans before the SDK has to.
type spanQueue struct {
	logger  *slog.Logger // throttled
	length  atomic.Int64
	dropped atomic.Int64 // spans that were lost: the queue was full, or an export failed and there is no spool
}

// newQueueProcessor returns a processor that queues spans for an exporter. The queue must not be used elsewhere.
func newQueueProcessor(exporter sdktrace.SpanExporter, queue *spanQueue, timeout time.Duration) sdktrace.SpanProcessor {
	batches := sdktrace.NewBatchSpanProcessor(&queueExporter{SpanExporter: exporter, queue: queue}, sdktrace.WithMaxQueueSize(queueSize),
		sdktrace.WithMaxExportBatchSize(batchSize), sdktrace.WithBatchTimeout(timeout))
	return &queueProcessor{SpanProcessor: batches, queue: queue}
}

// queueProcessor counts the spans that enter the queue.
type queueProcessor struct {
	sdktrace.SpanProcessor
	queue *spanQueue
}

// OnEnd queues a span, or drops it if the queue is full.
func (p *queueProcessor) OnEnd(s sdktrace.ReadOnlySpan) {
	if p.queue.length.Add(1) > queueSize {
		p.queue.length.Add(-1)
		p.queue.dropped.Add(1)
		p.queue.logger.Error("spans are dropped: more are recorded than can be written",
			"fix", "keep fewer healthy traces with telemetry.keep_healthy, or find out why the disk or the collector is slow")
		return
	}
	p.SpanProcessor.OnEnd(s)
}

// queueExporter counts the spans that leave the queue.
type queueExporter struct {
	sdktrace.SpanExporter
	queue *spanQueue
}

// ExportSpans exports spans. They have left the queue afterwards, even if the export fails.
func (e *queueExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	defer e.queue.length.Add(-int64(len(spans)))
	return e.SpanExporter.ExportSpans(ctx, spans)
}
