package otel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"squarewatch/otel/metric"
	"squarewatch/otel/otlperr"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// delivery watches the exports of one signal. It tells people once when they begin to fail and once when they arrive
// again, and lets none outlive the end of the program.
type delivery struct {
	signal   string
	endpoint string
	logger   *slog.Logger
	bound    bound

	mu      sync.Mutex
	failure error // of the last export
}

// export runs one export. The SDK is not told of a failure: it would report it again, at every export, to its global handler.
func (d *delivery) export(ctx context.Context, send func(context.Context) error) {
	ctx, cancel := d.bound(ctx)
	defer cancel()
	err := send(ctx)
	if d.changed(err) {
		d.say(ctx, err)
	}
}

// changed takes the outcome of an export and reports whether the collector went away or came back with it.
func (d *delivery) changed(err error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.failure
	d.failure = err
	return (before == nil) != (err == nil)
}

func (d *delivery) say(ctx context.Context, err error) {
	if err == nil {
		d.logger.InfoContext(ctx, "telemetry arrives at its collector again", "signal", d.signal, "endpoint", d.endpoint)
		return
	}
	d.logger.WarnContext(ctx, "telemetry does not arrive at its collector; everything else goes on", "signal", d.signal, "endpoint", d.endpoint,
		"error", otlperr.Short(err), "fix", "start the collector, or correct telemetry.otlp in the file; a collector that takes no metrics can be left alone")
}

// lastFailure returns why the last export did not arrive, or nil.
func (d *delivery) lastFailure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failure == nil {
		return nil
	}
	return fmt.Errorf("send %s to %s: %w", d.signal, d.endpoint, d.failure)
}

// bound bounds a context.
type bound func(context.Context) (context.Context, context.CancelFunc)

// lifetime returns what makes contexts end with all, too.
func lifetime(all context.Context) bound {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		stop := context.AfterFunc(all, cancel)
		return ctx, func() {
			stop()
			cancel()
		}
	}
}

// spanExporter is an exporter of spans under watch, which do not wait on disk: what does not arrive is lost.
type spanExporter struct {
	sdktrace.SpanExporter
	delivery *delivery
	queue    *queue // counts them
}

// ExportSpans sends spans; it returns nil, as failures are said by its delivery.
func (e *spanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.delivery.export(ctx, func(ctx context.Context) error {
		err := otlperr.WithoutWarning(e.SpanExporter.ExportSpans(ctx, spans))
		e.queue.lost.Add(otlperr.Lost(err, int64(len(spans))))
		return err
	})
	return nil
}

// metricExporter is an exporter of metrics under watch. Beside what the SDK has collected it sends what is ours.
type metricExporter struct {
	sdkmetric.Exporter
	delivery *delivery
	own      *metric.Registry
}

// Export sends metrics; it returns nil, as failures are said by its delivery.
func (e *metricExporter) Export(ctx context.Context, metrics *metricdata.ResourceMetrics) error {
	e.delivery.export(ctx, func(ctx context.Context) error {
		export := func(ctx context.Context, part *metricdata.ResourceMetrics) error {
			return otlperr.WithoutWarning(e.Exporter.Export(ctx, part))
		}
		return errors.Join(e.own.Export(ctx, metrics.Resource, export), export(ctx, metrics))
	})
	return nil
}
