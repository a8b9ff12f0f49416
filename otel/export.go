package otel

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/url"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc/credentials"
)

// newExporters returns exporters to the collector. None of them connects before it has something to send.
func newExporters(ctx context.Context, settings OTLP) (sdktrace.SpanExporter, sdkmetric.Exporter, error) {
	u, err := url.Parse(settings.Endpoint)
	if err != nil {
		return nil, nil, fmt.Errorf("read telemetry.otlp.endpoint: %w", err)
	}
	if settings.Protocol == ProtocolHTTP {
		return newHTTPExporters(ctx, u)
	}
	return newGRPCExporters(ctx, u)
}

func newGRPCExporters(ctx context.Context, u *url.URL) (sdktrace.SpanExporter, sdkmetric.Exporter, error) {
	traceOptions := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(u.Host)}
	metricOptions := []otlpmetricgrpc.Option{otlpmetricgrpc.WithEndpoint(u.Host)}
	if u.Scheme == "https" {
		verified := credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
		traceOptions = append(traceOptions, otlptracegrpc.WithTLSCredentials(verified))
		metricOptions = append(metricOptions, otlpmetricgrpc.WithTLSCredentials(verified))
	} else {
		traceOptions = append(traceOptions, otlptracegrpc.WithInsecure())
		metricOptions = append(metricOptions, otlpmetricgrpc.WithInsecure())
	}
	spans, err := otlptracegrpc.New(ctx, traceOptions...)
	if err != nil {
		return nil, nil, fmt.Errorf("prepare the export of spans over gRPC: %w", err)
	}
	metrics, err := otlpmetricgrpc.New(ctx, metricOptions...)
	if err != nil {
		return nil, nil, fmt.Errorf("prepare the export of metrics over gRPC: %w", err)
	}
	return spans, metrics, nil
}

// newHTTPExporters adds the specified path of each signal to the endpoint's own.
func newHTTPExporters(ctx context.Context, u *url.URL) (sdktrace.SpanExporter, sdkmetric.Exporter, error) {
	spans, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.JoinPath("v1", "traces").String()))
	if err != nil {
		return nil, nil, fmt.Errorf("prepare the export of spans over HTTP: %w", err)
	}
	metrics, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(u.JoinPath("v1", "metrics").String()))
	if err != nil {
		return nil, nil, fmt.Errorf("prepare the export of metrics over HTTP: %w", err)
	}
	return spans, metrics, nil
}
