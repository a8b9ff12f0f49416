package otel_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"squarewatch/otel"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// blockedExporter exports nothing until it is released.
type blockedExporter struct {
	released chan struct{}
	exported atomic.Int64
}

func (e *blockedExporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	<-e.released
	e.exported.Add(int64(len(spans)))
	return nil
}

func (e *blockedExporter) Shutdown(context.Context) error { return nil }

// TestEverySpanIsExportedOrCounted ends more spans than the queue holds while the exporter is blocked.
func TestEverySpanIsExportedOrCounted(t *testing.T) {
	const ended = 40_000
	exporter, logs := &blockedExporter{released: make(chan struct{})}, &logBuffer{}
	provider, dropped := otel.NewQueuedProvider(exporter, logs.logger())
	tracer := provider.Tracer("test")
	for range ended {
		_, span := tracer.Start(t.Context(), "span")
		span.End()
	}
	close(exporter.released)
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := exporter.exported.Load() + dropped(); got != ended || dropped() == 0 {
		t.Errorf("want %d spans exported or counted as dropped, got %d and %d", ended, exporter.exported.Load(), dropped())
	}
	if got := strings.Count(logs.String(), "spans are dropped"); got != 1 {
		t.Errorf("want one line, got %d:\n%s", got, logs)
	}
}
