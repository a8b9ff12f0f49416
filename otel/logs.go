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

// Logger returns a logger that writes to local and, if the settings ask for it, also to the collector. A line is sent with the trace of its
// context. Lines about the collector itself must use local: otherwise each failed export would cause another one.
func (t *Telemetry) Logger(local *slog.Logger) *slog.Logger {
	if t.logs == nil {
		return local
	}
	sent := otelslog.NewHandler(serviceName, otelslog.WithLoggerProvider(t.logs), otelslog.WithVersion(t.options.ServiceVersion),
		otelslog.WithSchemaURL(semconv.SchemaURL))
	return slog.New(slog.NewMultiHandler(local.Handler(), sent))
}

// connectLogs sets up the export of logs.
func (t *Telemetry) connectLogs(ctx context.Context, to *collector.Destination, res *resource.Resource, status *exportStatus) error {
	exporter, err := to.LogExporter(ctx)
	if err != nil {
		return err
	}
	t.statuses = append(t.statuses, status)
	batches := sdklog.NewBatchProcessor(&logExporter{Exporter: exporter, status: status}, sdklog.WithExportInterval(batchTimeout))
	t.logs = sdklog.NewLoggerProvider(
		sdklog.WithResource(res), sdklog.WithProcessor(textRepairer{}), sdklog.WithProcessor(batches))
	t.providers = append(t.providers, t.logs)
	return nil
}

// logExporter exports logs.
type logExporter struct {
	sdklog.Exporter
	status *exportStatus
}

// Export sends log records. It always returns nil, because the export status logs failures.
func (e *logExporter) Export(ctx context.Context, records []sdklog.Record) error {
	e.status.export(ctx, func(ctx context.Context) error { return otlperr.WithoutWarning(e.Exporter.Export(ctx, records)) })
	return nil
}

// textRepairer replaces bytes that are not UTF-8. Protobuf refuses a whole batch for one invalid text.
type textRepairer struct{}

var _ sdklog.Processor = textRepairer{}

// Enabled returns true: every record is processed.
func (textRepairer) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

// OnEmit repairs the message and the attributes of a record before the next processor reads them.
func (textRepairer) OnEmit(_ context.Context, r *sdklog.Record) error {
	r.SetBody(repaired(r.Body()))
	var attributes []attribute.KeyValue
	r.WalkAttributes(func(a attribute.KeyValue) bool {
		a.Value = repaired(a.Value)
		attributes = append(attributes, a)
		return true
	})
	r.SetAttributes(attributes...)
	return nil
}

func repaired(v attribute.Value) attribute.Value {
	if v.Type() != attribute.STRING {
		return v
	}
	return attribute.StringValue(metric.ValidUTF8(v.AsString()))
}

// Shutdown does nothing.
func (textRepairer) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing.
func (textRepairer) ForceFlush(context.Context) error { return nil }
