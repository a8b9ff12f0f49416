package otel_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"squarewatch/otel"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// discardExporter discards all spans.
type discardExporter struct{}

func (discardExporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discardExporter) Shutdown(context.Context) error                             { return nil }

func newProcessor() sdktrace.SpanProcessor {
	return sdktrace.NewBatchSpanProcessor(discardExporter{}, sdktrace.WithMaxQueueSize(16384), sdktrace.WithMaxExportBatchSize(1024))
}

// BenchmarkRecorder measures one healthy run of eight spans, with traces and metrics exported.
func BenchmarkRecorder(b *testing.B) {
	recorder, _ := otel.NewTestRecorder(newProcessor())
	result := run("collections", 1)
	b.ReportAllocs()
	for b.Loop() {
		recorder.Finished(result)
	}
}

// BenchmarkRecorderKeepingOnePercent measures the same run when nearly all healthy traces are dropped.
func BenchmarkRecorderKeepingOnePercent(b *testing.B) {
	recorder, _ := otel.NewTestRecorder(newProcessor())
	recorder.KeepHealthy(0.01)
	result := run("collections", 1)
	random := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	for b.Loop() {
		binary.BigEndian.PutUint64(result.Trace[8:], random.Uint64())
		recorder.Finished(result)
	}
}

// BenchmarkRecorderWithoutCollector measures the same run when no endpoint is configured.
func BenchmarkRecorderWithoutCollector(b *testing.B) {
	all, err := otel.New(b.Context(), otel.Options{Settings: otel.DefaultSettings()})
	if err != nil {
		b.Fatal(err)
	}
	result := run("collections", 1)
	b.ReportAllocs()
	for b.Loop() {
		all.Recorder().Finished(result)
	}
}
