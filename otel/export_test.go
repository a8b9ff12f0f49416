package otel

import (
	"context"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// NewTestRecorder returns a recorder that writes to the given processor and reader, set up as New does it.
func NewTestRecorder(processor sdktrace.SpanProcessor) (*Recorder, *sdkmetric.ManualReader) {
	own := newRegistry("")
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(whole{own}))
	tracers := newTracerProvider(resource.Empty(), processor)
	newMeterProvider(resource.Empty(), reader)
	own.sources = append(own.sources, newSpoolSource(someSpool{}))
	return newRecorder(tracers.Tracer(scopeName), own, "squarewatch/test"), reader
}

// NewThrottle is for a test of what it promises.
var NewThrottle = newThrottle

// ServerOf returns where an URL leads.
func ServerOf(raw string) (scheme, address string, port int) {
	s := serverOf(raw)
	return s.scheme, s.address, s.port
}

// Distribution returns a series of the given values as it goes out over OTLP.
func Distribution(values ...float64) metricdata.ExponentialHistogramDataPoint[float64] {
	d := &distribution{}
	for _, v := range values {
		d.record(context.Background(), v, requestBuckets())
	}
	return d.exponential(nil, time.Time{}, time.Time{})
}

// someSpool is a spool with something in it.
type someSpool struct{}

// Bytes returns how much waits.
func (someSpool) Bytes() int64 { return 4096 }

// Dropped returns how many spans were lost.
func (someSpool) Dropped() int64 { return 7 }

// whole collects the registry together with what is the SDK's, so that a test sees all at once.
type whole struct{ *registry }

// Produce returns the whole registry.
func (w whole) Produce(ctx context.Context) (all []metricdata.ScopeMetrics, err error) {
	err = w.send(ctx, nil, func(_ context.Context, part *metricdata.ResourceMetrics) error {
		all = append(all, part.ScopeMetrics...)
		return nil
	})
	return all, err
}

// Destinations returns where signals go, a line each.
func Destinations(o OTLP, env func(string) string) (lines []string, err error) {
	all, err := o.destinations(env)
	for _, d := range all {
		lines = append(lines, d.signal+" "+d.protocol+" "+d.url)
	}
	return lines, err
}

// Unhurried lets batches of spans wait for an hour.
func Unhurried(o Options) Options {
	o.batchTimeout = time.Hour
	return o
}
