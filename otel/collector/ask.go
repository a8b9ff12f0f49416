package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"squarewatch/otel/otlperr"

	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// ErrNoService is the error of a collector that does not accept a signal, as Jaeger accepts no metrics.
var ErrNoService = errors.New("the collector has no service for this signal")

// Ask sends one empty request to the collector and returns why it was not accepted. A collector answers an empty request with success
// (https://opentelemetry.io/docs/specs/otlp/#full-success). The exporters are not used: that of metrics tries again for a minute, and that
// of logs sends no empty requests. The error is [ErrNoService] when the collector has no service for the signal.
func (d *Destination) Ask(ctx context.Context) error {
	timeout := d.timeout
	if timeout == endless {
		timeout = defaultTimeout // a person waits for the answer
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ask := d.askOverGRPC
	if d.protocol == ProtocolHTTP {
		ask = d.askOverHTTP
	}
	if err := ask(ctx); err != nil {
		return fmt.Errorf("ask the collector at %s: %w", d.URL, err)
	}
	return nil
}

func (d *Destination) askOverGRPC(ctx context.Context) error {
	u, err := url.Parse(d.URL)
	if err != nil {
		return errors.New("the endpoint is not a URL")
	}
	connection, err := grpc.NewClient(u.Host, append(d.dialOptions(), grpc.WithTransportCredentials(d.credentials()))...)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	ctx = metadata.NewOutgoingContext(ctx, metadata.New(d.headers))
	switch d.Signal {
	case SignalMetrics:
		_, err = metricspb.NewMetricsServiceClient(connection).Export(ctx, &metricspb.ExportMetricsServiceRequest{})
	case SignalLogs:
		_, err = logspb.NewLogsServiceClient(connection).Export(ctx, &logspb.ExportLogsServiceRequest{})
	default:
		_, err = tracepb.NewTraceServiceClient(connection).Export(ctx, &tracepb.ExportTraceServiceRequest{})
	}
	if otlperr.NoService(err) {
		return fmt.Errorf("%w: %w", ErrNoService, err)
	}
	return err
}

// askOverHTTP sends an empty body, which is what an empty message is in Protobuf
// (https://protobuf.dev/programming-guides/encoding/#structure).
func (d *Destination) askOverHTTP(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, http.NoBody)
	if err != nil {
		return errors.New("the endpoint is not a URL")
	}
	for name, value := range d.headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := d.httpClient().Do(request)
	if err != nil {
		if reason, ok := errors.AsType[*url.Error](err); ok {
			err = reason.Err // the caller names the address
		}
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.CopyN(io.Discard, response.Body, 1<<16) // lets the connection be used again
	switch {
	case response.StatusCode == http.StatusNotFound && strings.HasSuffix(request.URL.Path, "/v1/"+d.Signal): // see otlperr.NoService
		return fmt.Errorf("%w: the collector answered %s", ErrNoService, response.Status)
	case response.StatusCode/100 != 2:
		return fmt.Errorf("the collector answered %s", response.Status)
	}
	return nil
}
