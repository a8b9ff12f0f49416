package otel

import (
	"context"
	"log/slog"

	"squarewatch/otel/collector"
	"squarewatch/otel/metric"
	"squarewatch/otel/otlperr"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/attribute"
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
func (t *Telemetry) connectLogs(ctx context.Context, to *collector.Destination, described *resource.Resource, watched *delivery) error {
	exporter, err := to.LogExporter(ctx)
	if err != nil {
		return err
	}
	t.deliveries = append(t.deliveries, watched)
	t.logs = sdklog.NewLoggerProvider(sdklog.WithResource(described), sdklog.WithProcessor(validText{}), sdklog.WithProcessor(
		sdklog.NewBatchProcessor(&logExporter{exporter, watched}, sdklog.WithExportInterval(batchTimeout))))
	t.providers = append(t.providers, t.logs)
	return nil
}

// logExporter is an exporter of logs under watch.
type logExporter struct {
	sdklog.Exporter
	delivery *delivery
}

// Export sends logs; it returns nil, as failures are said by its delivery.
func (e *logExporter) Export(ctx context.Context, records []sdklog.Record) error {
	e.delivery.export(ctx, func(ctx context.Context) error { return otlperr.WithoutWarning(e.Exporter.Export(ctx, records)) })
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
