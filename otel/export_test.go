package otel

import (
	"context"
	"log/slog"
	"time"

	"squarewatch/otel/encoded"
	"squarewatch/otel/metric"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// TestDropped is how many spans a test recorder reports as dropped.
const TestDropped = 7

// NewTestRecorder returns a recorder like that of New, which passes requests of spans to a function, and metrics to a reader.
func NewTestRecorder(send func(request []byte)) (*Recorder, *sdkmetric.ManualReader) {
	registry := metric.NewRegistry(instrumentationScope(""))
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(registryProducer{registry}))
	newMeterProvider(resource.Empty(), reader)
	queue := &spanQueue{}
	queue.dropped.Store(TestDropped)
	addSpoolMetrics(registry, nil, queue)
	origin := encoded.NewOrigin(resource.Empty(), instrumentationScope(""))
	spans := newSpanWriter(func(spans []byte, _ int) { send(origin.Request(spans)) }, "squarewatch/test")
	return newRecorder(spans, registry, false), reader
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

// Queue is a queue of spans.
type Queue struct{ *spanQueue }

// NewQueue returns a queue that runs and exports to a function.
func NewQueue(ctx context.Context, logger *slog.Logger, export func(ctx context.Context, spans []byte, count int)) Queue {
	q := newSpanQueue(logger, batchTimeout)
	q.export = export
	go q.run(ctx)
	return Queue{q}
}

// Add queues spans.
func (q Queue) Add(spans []byte, count int) { q.add(spans, count) }

// RequestExport asks for an export soon.
func (q Queue) RequestExport() { q.requestExport() }

// Dropped returns how many spans were dropped.
func (q Queue) Dropped() int64 { return q.dropped.Load() }
