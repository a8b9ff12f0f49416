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

// TestDropped is how many spans a test recorder reports as dropped.
const TestDropped = 7

// NewTestRecorder returns a recorder that is set up as by New, but writes to the given processor and to a reader.
func NewTestRecorder(processor sdktrace.SpanProcessor) (*Recorder, *sdkmetric.ManualReader) {
	registry := metric.NewRegistry(instrumentationScope(""))
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(registryProducer{registry}))
	tracers := newTracerProvider(resource.Empty(), processor)
	newMeterProvider(resource.Empty(), reader)
	queue := &spanQueue{}
	queue.dropped.Store(TestDropped)
	addSpoolMetrics(registry, nil, queue)
	return newRecorder(tracers.Tracer(serviceName), registry, "squarewatch/test", false), reader
}

// NewThrottle is newThrottle.
var NewThrottle = newThrottle

// ServerOf returns the parts of serverOf's result.
func ServerOf(raw string) (scheme, address string, port int) {
	s := serverOf(raw)
	return s.scheme, s.address, s.port
}

// registryProducer adds the metrics of a registry to those that an SDK reader collects.
type registryProducer struct{ *metric.Registry }

// Produce returns all metrics of the registry.
func (p registryProducer) Produce(ctx context.Context) (all []metricdata.ScopeMetrics, err error) {
	err = p.Export(ctx, nil, func(_ context.Context, part *metricdata.ResourceMetrics) error {
		all = append(all, part.ScopeMetrics...)
		return nil
	})
	return all, err
}

// WithoutTimedBatches returns options with which a batch of spans is not exported before an hour has passed.
func WithoutTimedBatches(o Options) Options {
	o.batchTimeout = time.Hour
	return o
}

// NewQueuedProvider returns a tracer provider that is set up as by New, and a function that returns how many spans were dropped.
func NewQueuedProvider(exporter sdktrace.SpanExporter, logger *slog.Logger) (*sdktrace.TracerProvider, func() int64) {
	queue := &spanQueue{logger: slog.New(newThrottle(logger.Handler()))}
	return newTracerProvider(resource.Empty(), newQueueProcessor(exporter, queue, batchTimeout)), queue.dropped.Load
}
