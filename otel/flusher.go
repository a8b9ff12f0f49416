package otel

import (
	"context"
	"sync"
	"time"

	"squarewatch/otel/wake"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// flushInterval is the minimum time between two flushes, so that many failures at once do not cause one request each.
const flushInterval = 20 * time.Millisecond

// flusher exports the queued spans when it is asked to. It is asked after an unexpected run, because its spans are the most important ones
// if the process crashes.
type flusher struct {
	requested wake.Signal
	stop      context.CancelFunc
	running   sync.WaitGroup
}

func newFlusher(ctx context.Context, tracers *sdktrace.TracerProvider) *flusher {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	f := &flusher{requested: wake.New(), stop: stop}
	f.running.Go(func() { f.run(ctx, tracers) })
	return f
}

// request asks for a flush and returns at once. It does nothing on a nil flusher.
func (f *flusher) request() {
	if f != nil {
		f.requested.Send()
	}
}

func (f *flusher) run(ctx context.Context, tracers *sdktrace.TracerProvider) {
	interval := time.NewTimer(0)
	defer interval.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-interval.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-f.requested:
		}
		_ = tracers.ForceFlush(ctx) // the exporter logs failures
		interval.Reset(flushInterval)
	}
}

// close ends the goroutine. The shutdown of the tracer provider exports the remaining spans.
func (f *flusher) close() {
	if f == nil {
		return
	}
	f.stop()
	f.running.Wait()
}
