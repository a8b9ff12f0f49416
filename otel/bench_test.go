package otel_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"squarewatch/otel"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// nowhere is an exporter that drops what it gets.
type nowhere struct{}

func (nowhere) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (nowhere) Shutdown(context.Context) error                             { return nil }

// BenchmarkRecorder measures one healthy run of eight spans, with tracing and both readers on.
func BenchmarkRecorder(b *testing.B) {
	processor := sdktrace.NewBatchSpanProcessor(nowhere{}, sdktrace.WithMaxQueueSize(16384), sdktrace.WithMaxExportBatchSize(1024))
	recorder, _ := otel.NewTestRecorder(processor)
	result := run("collections", 1)
	b.ReportAllocs()
	for b.Loop() {
		recorder.Finished(result)
	}
}

// BenchmarkRecorderKeepingOnePercent measures the same run when nearly all healthy traces are dropped.
func BenchmarkRecorderKeepingOnePercent(b *testing.B) {
	recorder, _ := otel.NewTestRecorder(sdktrace.NewBatchSpanProcessor(nowhere{}, sdktrace.WithMaxQueueSize(16384), sdktrace.WithMaxExportBatchSize(1024)))
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
