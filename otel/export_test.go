package otel

import (
	"context"
	"log/slog"
	"time"

	"squarewatch/otel/metric"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// NewTestRecorder returns a recorder that writes to the given processor and reader, set up as New does it.
func NewTestRecorder(processor sdktrace.SpanProcessor) (*Recorder, *sdkmetric.ManualReader) {
	own := metric.NewRegistry(newScope(""))
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(whole{own}))
	tracers := newTracerProvider(resource.Empty(), processor)
	newMeterProvider(resource.Empty(), reader)
	before := &queue{}
	before.lost.Store(7)
	addSpoolMetrics(own, nil, before)
	return newRecorder(tracers.Tracer(scopeName), own, "squarewatch/test"), reader
}

// NewThrottle is for a test of what it promises.
var NewThrottle = newThrottle

// ServerOf returns where an URL leads.
func ServerOf(raw string) (scheme, address string, port int) {
	s := serverOf(raw)
	return s.scheme, s.address, s.port
}

// whole collects the registry together with what is the SDK's, so that a test sees all at once.
type whole struct{ *metric.Registry }

// Produce returns the whole registry.
func (w whole) Produce(ctx context.Context) (all []metricdata.ScopeMetrics, err error) {
	err = w.Export(ctx, nil, func(_ context.Context, part *metricdata.ResourceMetrics) error {
		all = append(all, part.ScopeMetrics...)
		return nil
	})
	return all, err
}

// Unhurried lets batches of spans wait for an hour.
func Unhurried(o Options) Options {
	o.batchTimeout = time.Hour
	return o
}

// NewQueued returns a tracer provider as New sets it up, whose spans go to exporter, and what tells how many were lost.
func NewQueued(exporter sdktrace.SpanExporter, logger *slog.Logger) (*sdktrace.TracerProvider, func() int64) {
	waiting := &queue{logger: slog.New(newThrottle(logger.Handler()))}
	return newTracerProvider(resource.Empty(), newQueued(exporter, waiting, batchTimeout)), waiting.lost.Load
}
