package otel_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"squarewatch/otel"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// stuck is an exporter that takes nothing until it is let go.
type stuck struct {
	free  chan struct{}
	taken atomic.Int64
}

func (e *stuck) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	<-e.free
	e.taken.Add(int64(len(spans)))
	return nil
}

func (e *stuck) Shutdown(context.Context) error { return nil }

// TestEverySpanIsExportedOrCounted ends more spans than the queue holds while nothing leaves.
func TestEverySpanIsExportedOrCounted(t *testing.T) {
	const ended = 40_000
	exporter, logs := &stuck{free: make(chan struct{})}, &logBuffer{}
	provider, lost := otel.NewQueued(exporter, logs.logger())
	tracer := provider.Tracer("test")
	for range ended {
		_, span := tracer.Start(t.Context(), "span")
		span.End()
	}
	close(exporter.free)
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := exporter.taken.Load() + lost(); got != ended || lost() == 0 {
		t.Errorf("want %d spans exported or counted as lost, got %d and %d", ended, exporter.taken.Load(), lost())
	}
	if got := strings.Count(logs.String(), "spans are dropped"); got != 1 {
		t.Errorf("want it said once, got %d times:\n%s", got, logs)
	}
}
