package otel

import (
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// NewTestRecorder returns a recorder that writes to the given parts, set up as New does it.
func NewTestRecorder(processor sdktrace.SpanProcessor, readers ...sdkmetric.Reader) (*Recorder, error) {
	tracers := newTracerProvider(resource.Empty(), processor)
	meters := newMeterProvider(resource.Empty(), readers...)
	return newRecorder(tracers.Tracer(scopeName), meter(meters, ""), "squarewatch/test")
}

// Exponential is the aggregation of what goes out over OTLP.
func Exponential(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation { return exponential(kind) }

// NewThrottle is for a test of what it promises.
var NewThrottle = newThrottle

// ServerOf returns where an URL leads.
func ServerOf(raw string) (scheme, address string, port int) {
	s := serverOf(raw)
	return s.scheme, s.address, s.port
}
