package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// Ask sends an empty request to the collector and returns why it was not accepted. A collector answers an empty request with success
// (https://opentelemetry.io/docs/specs/otlp/#full-success). The exporter of metrics repeats it within ctx.
func (d *Destination) Ask(ctx context.Context) error {
	var err error
	switch d.Signal {
	case SignalMetrics:
		exporter, fault := d.MetricExporter(ctx)
		if fault != nil {
			return fault
		}
		err = errors.Join(exporter.Export(ctx, &metricdata.ResourceMetrics{}), exporter.Shutdown(ctx))
	case SignalLogs:
		err = d.askForLogs(ctx)
	default:
		client := d.TraceClient(false)
		if err = client.Start(ctx); err == nil {
			err = errors.Join(client.UploadTraces(ctx, nil), client.Stop(ctx))
		}
	}
	if err != nil {
		return fmt.Errorf("ask the collector at %s: %w", d.URL, err)
	}
	return nil
}

// askForLogs sends an empty request for logs, which the exporter of logs does not send.
func (d *Destination) askForLogs(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	if d.protocol == ProtocolHTTP {
		return d.askForLogsOverHTTP(ctx)
	}
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
	_, err = collectorlogs.NewLogsServiceClient(connection).Export(ctx, &collectorlogs.ExportLogsServiceRequest{})
	return err
}

func (d *Destination) askForLogsOverHTTP(ctx context.Context) error {
	body, err := proto.Marshal(&collectorlogs.ExportLogsServiceRequest{})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(body))
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
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the collector answered %s", response.Status)
	}
	return nil
}
