package otlperr_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"squarewatch/otel/otlperr"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// response is what a collector of all signals says of a request.
type response struct {
	rejected int64
	message  string
}

func (r response) metrics() *metricspb.ExportMetricsServiceResponse {
	return &metricspb.ExportMetricsServiceResponse{
		PartialSuccess: &metricspb.ExportMetricsPartialSuccess{RejectedDataPoints: r.rejected, ErrorMessage: r.message},
	}
}

func (r response) logs() *logspb.ExportLogsServiceResponse {
	return &logspb.ExportLogsServiceResponse{
		PartialSuccess: &logspb.ExportLogsPartialSuccess{RejectedLogRecords: r.rejected, ErrorMessage: r.message},
	}
}

// exporters send one item of a signal to a collector with the real exporter, and return its error.
func exporters() map[string]func(t *testing.T, r response) error {
	over := func(t *testing.T, m proto.Message) string {
		t.Helper()
		return serveHTTP(t, httpResponse{code: 200, message: m})
	}
	grpcAddress := func(t *testing.T, r response) string {
		t.Helper()
		return serveGRPC(t, 1000, services{
			trace:  traceService{response: traceResponse(r.rejected, r.message)},
			metric: metricService{response: r.metrics()}, log: logService{response: r.logs()},
		})
	}
	return map[string]func(t *testing.T, r response) error{
		"spans over HTTP": func(t *testing.T, r response) error {
			t.Helper()
			e, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(over(t, traceResponse(r.rejected, r.message))))
			return exportSpan(t, e, err)
		},
		"spans over gRPC": func(t *testing.T, r response) error {
			t.Helper()
			e, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(grpcAddress(t, r)), otlptracegrpc.WithInsecure())
			return exportSpan(t, e, err)
		},
		"metrics over HTTP": func(t *testing.T, r response) error {
			t.Helper()
			e, err := otlpmetrichttp.New(t.Context(), otlpmetrichttp.WithEndpointURL(over(t, r.metrics())))
			return exportMetric(t, e, err)
		},
		"metrics over gRPC": func(t *testing.T, r response) error {
			t.Helper()
			e, err := otlpmetricgrpc.New(t.Context(), otlpmetricgrpc.WithEndpoint(grpcAddress(t, r)), otlpmetricgrpc.WithInsecure())
			return exportMetric(t, e, err)
		},
		"logs over HTTP": func(t *testing.T, r response) error {
			t.Helper()
			e, err := otlploghttp.New(t.Context(), otlploghttp.WithEndpointURL(over(t, r.logs())))
			return exportLog(t, e, err)
		},
		"logs over gRPC": func(t *testing.T, r response) error {
			t.Helper()
			e, err := otlploggrpc.New(t.Context(), otlploggrpc.WithEndpoint(grpcAddress(t, r)), otlploggrpc.WithInsecure())
			return exportLog(t, e, err)
		},
	}
}

func exportSpan(t *testing.T, e sdktrace.SpanExporter, err error) error {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Shutdown(afterTest(t)) })
	return e.ExportSpans(t.Context(), tracetest.SpanStubs{{Name: "a span"}}.Snapshots())
}

func exportMetric(t *testing.T, e interface {
	Export(ctx context.Context, m *metricdata.ResourceMetrics) error
	Shutdown(ctx context.Context) error
}, err error,
) error {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Shutdown(afterTest(t)) })
	points := metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Value: 1}}}
	return e.Export(t.Context(), &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{
		Metrics: []metricdata.Metrics{{Name: "a.metric", Data: points}},
	}}})
}

func exportLog(t *testing.T, e sdklog.Exporter, err error) error {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Shutdown(afterTest(t)) })
	return e.Export(t.Context(), make([]sdklog.Record, 1))
}

// TestPartialSuccessOfTheRealExporters pins the texts of the exporters' errors: it fails when an upgrade changes them.
func TestPartialSuccessOfTheRealExporters(t *testing.T) {
	for name, export := range exporters() {
		t.Run(name, func(t *testing.T) {
			if err := export(t, response{}); err != nil {
				t.Errorf("want no error when all is accepted, got %v", err)
			}
			err := export(t, response{message: message})
			if rejected, ok := otlperr.PartialSuccess(err); err == nil || !ok || rejected != 0 || otlperr.WithoutWarning(err) != nil {
				t.Errorf("want a warning with nothing rejected, got %d, %t, of %v", rejected, ok, err)
			}
			err = export(t, response{rejected: 3, message: message})
			if rejected, ok := otlperr.PartialSuccess(err); !ok || rejected != 3 || otlperr.WithoutWarning(err) == nil {
				t.Errorf("want 3 rejected, got %d, %t, of %v", rejected, ok, err)
			}
		})
	}
}

func TestPartialSuccess(t *testing.T) {
	partial := errors.New("OTLP partial success: empty message (2 spans rejected)")
	for name, c := range map[string]struct {
		err  error
		want bool
		lost int64 // of 10
	}{
		"nil":                {},
		"plain":              {err: partial, want: true, lost: 2},
		"wrapped":            {err: fmt.Errorf("traces export: %w", partial), want: true, lost: 2},
		"joined":             {err: errors.Join(errors.New("first"), partial), want: true, lost: 2},
		"quoted by another":  {err: fmt.Errorf("rpc error: %s", partial.Error()), lost: 10},
		"number beyond int":  {err: errors.New("OTLP partial success: x (99999999999999999999 spans rejected)"), lost: 10},
		"another exporter's": {err: errors.New("connection refused"), lost: 10},
	} {
		if _, ok := otlperr.PartialSuccess(c.err); ok != c.want {
			t.Errorf("%s: want %t, got %t", name, c.want, ok)
		}
		if got := otlperr.Lost(c.err, 10); got != c.lost {
			t.Errorf("%s: want %d lost, got %d", name, c.lost, got)
		}
	}
}
