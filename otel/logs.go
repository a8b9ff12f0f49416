package otel

import (
	"context"
	"fmt"
	"log/slog"

	"squarewatch/otel/metric"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Logger returns a logger that also sends what it logs to the collector, with the trace that its context stands in, if the
// settings want that. It is not for what is said about the collector itself.
func (t *Telemetry) Logger(local *slog.Logger) *slog.Logger {
	if t.logs == nil {
		return local
	}
	sent := otelslog.NewHandler(scopeName, otelslog.WithLoggerProvider(t.logs), otelslog.WithVersion(t.version), otelslog.WithSchemaURL(semconv.SchemaURL))
	return slog.New(slog.NewMultiHandler(local.Handler(), sent))
}

// connectLogs sets up what sends logs.
func (t *Telemetry) connectLogs(ctx context.Context, to *destination, described *resource.Resource, watched *delivery) error {
	exporter, err := to.logExporter(ctx)
	if err != nil {
		return err
	}
	t.deliveries = append(t.deliveries, watched)
	t.logs = sdklog.NewLoggerProvider(sdklog.WithResource(described), sdklog.WithProcessor(validText{}), sdklog.WithProcessor(
		sdklog.NewBatchProcessor(&logExporter{exporter, watched}, sdklog.WithExportInterval(batchTimeout))))
	t.providers = append(t.providers, t.logs)
	return nil
}

// logExporter returns an exporter of logs to the collector. It connects when it has something to send.
func (d *destination) logExporter(ctx context.Context) (exporter sdklog.Exporter, err error) {
	if d.protocol == ProtocolHTTP {
		exporter, err = d.logsOverHTTP(ctx)
	} else {
		exporter, err = d.logsOverGRPC(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("prepare the export of logs: %w", err)
	}
	return exporter, nil
}

func (d *destination) logsOverHTTP(ctx context.Context) (sdklog.Exporter, error) {
	return otlploghttp.New(ctx,
		otlploghttp.WithEndpointURL(d.url), otlploghttp.WithHTTPClient(d.httpClient()), otlploghttp.WithTLSClientConfig(d.tls),
		otlploghttp.WithHeaders(d.headers), otlploghttp.WithTimeout(d.timeout))
}

func (d *destination) logsOverGRPC(ctx context.Context) (sdklog.Exporter, error) {
	return otlploggrpc.New(ctx,
		otlploggrpc.WithEndpointURL(d.url), otlploggrpc.WithTLSCredentials(d.credentials()), otlploggrpc.WithTimeout(d.timeout),
		otlploggrpc.WithHeaders(d.headers), otlploggrpc.WithDialOption(d.dialOptions()...))
}

// logExporter is an exporter of logs under watch.
type logExporter struct {
	sdklog.Exporter
	delivery *delivery
}

// Export sends logs; it returns nil, as failures are said by its delivery.
func (e *logExporter) Export(ctx context.Context, records []sdklog.Record) error {
	e.delivery.export(ctx, func(ctx context.Context) error { return withoutRemark(e.Exporter.Export(ctx, records)) })
	return nil
}

// validText repairs texts that are no UTF-8: protobuf would refuse the whole batch for one.
type validText struct{}

var _ sdklog.Processor = validText{}

// Enabled reports that every record is looked at.
func (validText) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

// OnEmit repairs the message and the attributes of a record before the next processor has it.
func (validText) OnEmit(_ context.Context, r *sdklog.Record) error {
	r.SetBody(validValue(r.Body()))
	var attributes []attribute.KeyValue
	r.WalkAttributes(func(a attribute.KeyValue) bool {
		a.Value = validValue(a.Value)
		attributes = append(attributes, a)
		return true
	})
	r.SetAttributes(attributes...)
	return nil
}

func validValue(v attribute.Value) attribute.Value {
	if v.Type() != attribute.STRING {
		return v
	}
	return attribute.StringValue(metric.ValidUTF8(v.AsString()))
}

// Shutdown has nothing to end.
func (validText) Shutdown(context.Context) error { return nil }

// ForceFlush has nothing to flush.
func (validText) ForceFlush(context.Context) error { return nil }
