package otel_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"squarewatch/otel"
)

// BenchmarkRecorder measures one healthy run of eight spans, with traces and metrics exported.
func BenchmarkRecorder(b *testing.B) {
	recorder, _ := otel.NewTestRecorder(func([]byte) {})
	result := run("collections", 1)
	b.ReportAllocs()
	for b.Loop() {
		recorder.Finished(result)
	}
}

// BenchmarkRecorderKeepingOnePercent measures the same run when nearly all healthy traces are dropped.
func BenchmarkRecorderKeepingOnePercent(b *testing.B) {
	recorder, _ := otel.NewTestRecorder(func([]byte) {})
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
