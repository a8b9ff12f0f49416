package collector

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// The exporters also read the specification's variables for every option that they are not given. So every option that has a setting is
// given, even if it is empty: certificates in the environment would make an exporter fail for an endpoint without encryption. Only
// options without a setting, such as the compression, are left to the variables.

// TraceClient returns a client that sends spans to the collector. It connects at the first upload. With retry, it tries for up to a
// minute by itself. What is too large for the collector is sent in parts.
func (d *Destination) TraceClient(retry bool) otlptrace.Client {
	return spansInParts{d.traceClient(retry)}
}

func (d *Destination) traceClient(retry bool) otlptrace.Client {
	if d.protocol == ProtocolHTTP {
		options := []otlptracehttp.Option{
			otlptracehttp.WithEndpointURL(d.URL), otlptracehttp.WithHTTPClient(d.httpClient()), otlptracehttp.WithTLSClientConfig(d.tls),
			otlptracehttp.WithHeaders(d.headers), otlptracehttp.WithTimeout(d.timeout), otlptracehttp.WithEncoding(otlptracehttp.EncodingProtobuf),
		}
		if !retry {
			options = append(options, otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))
		}
		return otlptracehttp.NewClient(options...)
	}
	options := []otlptracegrpc.Option{
		otlptracegrpc.WithEndpointURL(d.URL), otlptracegrpc.WithTLSCredentials(d.credentials()), otlptracegrpc.WithTimeout(d.timeout),
		otlptracegrpc.WithHeaders(d.headers), otlptracegrpc.WithDialOption(d.dialOptions()...),
	}
	if !retry {
		options = append(options, otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{}))
	}
	return otlptracegrpc.NewClient(options...)
}

// MetricExporter returns an exporter of metrics to the collector. It connects at the first export.
func (d *Destination) MetricExporter(ctx context.Context) (exporter sdkmetric.Exporter, err error) {
	if d.protocol == ProtocolHTTP {
		exporter, err = d.metricsOverHTTP(ctx)
	} else {
		exporter, err = d.metricsOverGRPC(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("prepare the export of metrics: %w", err)
	}
	return metricsInParts{exporter}, nil
}

func (d *Destination) metricsOverHTTP(ctx context.Context) (sdkmetric.Exporter, error) {
	return otlpmetrichttp.New(ctx,
		otlpmetrichttp.WithEndpointURL(d.URL), otlpmetrichttp.WithHTTPClient(d.httpClient()), otlpmetrichttp.WithTLSClientConfig(d.tls),
		otlpmetrichttp.WithHeaders(d.headers), otlpmetrichttp.WithTimeout(d.timeout),
		otlpmetrichttp.WithTemporalitySelector(sdkmetric.CumulativeTemporalitySelector))
}

func (d *Destination) metricsOverGRPC(ctx context.Context) (sdkmetric.Exporter, error) {
	return otlpmetricgrpc.New(ctx,
		otlpmetricgrpc.WithEndpointURL(d.URL), otlpmetricgrpc.WithTLSCredentials(d.credentials()), otlpmetricgrpc.WithTimeout(d.timeout),
		otlpmetricgrpc.WithHeaders(d.headers), otlpmetricgrpc.WithDialOption(d.dialOptions()...),
		otlpmetricgrpc.WithTemporalitySelector(sdkmetric.CumulativeTemporalitySelector))
}

// LogExporter returns an exporter of logs to the collector. It connects at the first export.
func (d *Destination) LogExporter(ctx context.Context) (exporter sdklog.Exporter, err error) {
	if d.protocol == ProtocolHTTP {
		exporter, err = d.logsOverHTTP(ctx)
	} else {
		exporter, err = d.logsOverGRPC(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("prepare the export of logs: %w", err)
	}
	return logsInParts{exporter}, nil
}

func (d *Destination) logsOverHTTP(ctx context.Context) (sdklog.Exporter, error) {
	return otlploghttp.New(ctx,
		otlploghttp.WithEndpointURL(d.URL), otlploghttp.WithHTTPClient(d.httpClient()), otlploghttp.WithTLSClientConfig(d.tls),
		otlploghttp.WithHeaders(d.headers), otlploghttp.WithTimeout(d.timeout))
}

func (d *Destination) logsOverGRPC(ctx context.Context) (sdklog.Exporter, error) {
	return otlploggrpc.New(ctx,
		otlploggrpc.WithEndpointURL(d.URL), otlploggrpc.WithTLSCredentials(d.credentials()), otlploggrpc.WithTimeout(d.timeout),
		otlploggrpc.WithHeaders(d.headers), otlploggrpc.WithDialOption(d.dialOptions()...))
}

// credentials returns the transport credentials of a gRPC connection.
func (d *Destination) credentials() credentials.TransportCredentials {
	if d.tls == nil {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(d.tls)
}

// dialOptions limits the wait before the next connection attempt to 5 s. gRPC waits up to two minutes
// (https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md), which is long for a collector that has come back. The options
// also add the collector's pause.
func (d *Destination) dialOptions() []grpc.DialOption {
	delays := backoff.DefaultConfig
	delays.MaxDelay = 5 * time.Second
	return []grpc.DialOption{
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: delays, MinConnectTimeout: 5 * time.Second}),
		grpc.WithUnaryInterceptor(new(pause).intercept),
	}
}

// httpClient returns a client that does not follow redirects. A redirected request would become a GET and could find a page with status
// 200 that accepts nothing. The headers, which may hold a key, are only for the endpoint.
func (d *Destination) httpClient() *http.Client {
	return &http.Client{
		Timeout:       d.timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &transport{certified: d.tls != nil && len(d.tls.Certificates) > 0, RoundTripper: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: d.tls, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: d.timeout, IdleConnTimeout: 90 * time.Second,
		}},
	}
}
