package otel

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"squarewatch/otel/wake"
)

// The queue of spans holds two seconds of 1,000 runs a second with eight spans each. A batch is exported soon, so that a link in a
// message finds its trace, and so that a crash loses few spans: spans in the spool survive it.
const (
	queueSize    = 16384
	batchSize    = 1024
	batchTimeout = 200 * time.Millisecond
)

// exportTime is how long the export of one batch may take, with all tries.
const exportTime = 30 * time.Second

// requestInterval is the minimum time between an export and the next one that requestExport asks for. Many failures at once then cause few
// exports.
const requestInterval = 20 * time.Millisecond

// spanQueue collects the encoded spans of runs, and exports them in batches.
type spanQueue struct {
	export  func(ctx context.Context, spans []byte, count int)
	logger  *slog.Logger  // throttled
	timeout time.Duration // of the first span in the queue

	added     wake.Signal        // the queue is no longer empty
	filled    wake.Signal        // a batch is full
	requested wake.Signal        // the spans in the queue must be exported soon
	flushes   chan chan struct{} // each is closed when the queue has been exported
	stopped   chan struct{}      // closed by Shutdown
	ended     chan struct{}      // closed when everything was exported after that

	mu      sync.Mutex
	waiting []spanBatch // all but the last are full
	length  int         // number of spans in the queue and in running exports
	closed  bool

	dropped atomic.Int64 // spans that were lost: the queue was full, or an export failed and there is no spool
}

// spanBatch is spans that are exported together.
type spanBatch struct {
	spans []byte
	count int
}

// newSpanQueue returns a queue. The caller sets its export and calls run.
func newSpanQueue(logger *slog.Logger, timeout time.Duration) *spanQueue {
	return &spanQueue{
		logger: slog.New(newThrottle(logger.Handler())), timeout: timeout,
		added: wake.New(), filled: wake.New(), requested: wake.New(),
		flushes: make(chan chan struct{}), stopped: make(chan struct{}), ended: make(chan struct{}),
	}
}

// add queues encoded spans, or drops and counts them if the queue is full. It copies them.
func (q *spanQueue) add(spans []byte, count int) {
	if q.fits(spans, count) {
		q.added.Send()
		return
	}
	q.dropped.Add(int64(count))
	q.logger.Error("spans are dropped, because the disk or the collector is slow, or squarewatch stops",
		"fix", "keep fewer healthy traces with telemetry.keep_healthy, or find out why the disk or the collector is slow")
}

// fits queues encoded spans. It returns false when the queue is closed or has no room for them.
func (q *spanQueue) fits(spans []byte, count int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.length+count > queueSize {
		return false
	}
	last := len(q.waiting) - 1
	if last < 0 || q.waiting[last].count >= batchSize {
		q.waiting = append(q.waiting, spanBatch{})
		last++
	}
	batch := &q.waiting[last]
	batch.spans = append(batch.spans, spans...)
	batch.count += count
	q.length += count
	if batch.count >= batchSize {
		q.filled.Send()
	}
	return true
}

// requestExport asks for an export soon, and returns at once.
func (q *spanQueue) requestExport() { q.requested.Send() }

// run exports the queued spans: when a batch is full, when the first span has waited for the queue's timeout, and when requestExport,
// ForceFlush or Shutdown asks for it.
func (q *spanQueue) run(ctx context.Context) {
	defer close(q.ended)
	due, soon := time.NewTimer(q.timeout), time.NewTimer(q.timeout)
	due.Stop()
	soon.Stop()
	waits, exported := false, time.Time{}
	for {
		var flushed chan struct{}
		select {
		case <-q.added:
			if !waits {
				waits = true
				due.Reset(q.timeout)
			}
			continue
		case <-q.requested:
			soon.Reset(requestInterval - time.Since(exported))
			continue
		case <-q.filled:
		case <-due.C:
		case <-soon.C:
		case flushed = <-q.flushes:
		case <-q.stopped:
			q.exportAll(ctx)
			return
		}
		due.Stop()
		soon.Stop()
		waits = false
		q.exportAll(ctx)
		exported = time.Now()
		if flushed != nil {
			close(flushed)
		}
	}
}

// exportAll exports what is queued now.
func (q *spanQueue) exportAll(ctx context.Context) {
	q.mu.Lock()
	batches := q.waiting
	q.waiting = nil
	q.mu.Unlock()
	for _, batch := range batches {
		q.exportBatch(ctx, batch)
	}
}

func (q *spanQueue) exportBatch(ctx context.Context, batch spanBatch) {
	ctx, cancel := context.WithTimeout(ctx, exportTime)
	defer cancel()
	q.export(ctx, batch.spans, batch.count)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.length -= batch.count
}

// ForceFlush exports what is queued, and returns when that is done, or when ctx ends.
func (q *spanQueue) ForceFlush(ctx context.Context) error {
	flushed := make(chan struct{})
	select {
	case q.flushes <- flushed:
	case <-q.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-flushed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Shutdown exports what is queued and ends the queue. It returns early when ctx ends.
func (q *spanQueue) Shutdown(ctx context.Context) error {
	q.mu.Lock()
	closed := q.closed
	q.closed = true
	q.mu.Unlock()
	if !closed {
		close(q.stopped)
	}
	select {
	case <-q.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
