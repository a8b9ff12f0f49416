package otel

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"squarewatch/otel/collector"
	"squarewatch/otel/encoded"
	"squarewatch/otel/metric"
	"squarewatch/otel/otlperr"
	"squarewatch/otel/spool"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
)

// spanSender is the queue of spans, and what it exports to.
type spanSender struct {
	*spanQueue

	stop func(context.Context) error // stops the client or the spool
}

// Shutdown exports what is queued, and sends what waits in the spool, until ctx ends.
func (s *spanSender) Shutdown(ctx context.Context) error {
	return errors.Join(s.spanQueue.Shutdown(ctx), s.stop(ctx))
}

// connectSpans sets up the export of spans. With a spool, spans wait on disk until the collector accepts them, and the spool logs
// failures.
func (t *Telemetry) connectSpans(
	ctx context.Context, to *collector.Destination, res *resource.Resource, status *exportStatus, registry *metric.Registry,
) error {
	origin := encoded.NewOrigin(res, instrumentationScope(t.options.ServiceVersion))
	queue := newSpanQueue(t.logger, cmp.Or(t.options.batchTimeout, batchTimeout))
	spooled := t.openSpool(ctx, to)
	var client interface {
		Start(ctx context.Context) error
		Stop(ctx context.Context) error
	}
	if spooled != nil {
		client = spooled
		queue.export = func(ctx context.Context, spans []byte, count int) {
			_ = spooled.Add(ctx, origin.Request(spans), count) // an error means that it was stopped, and it has counted the spans
		}
	} else {
		direct := to.TraceClient(true)
		client = direct
		queue.export = func(ctx context.Context, spans []byte, count int) {
			queue.dropped.Add(sendSpans(ctx, direct, status, origin.Request(spans), int64(count)))
		}
	}
	if err := client.Start(ctx); err != nil {
		return fmt.Errorf("set up the export of spans: %w", errors.Join(err, client.Stop(ctx)))
	}
	if t.spool = spooled; spooled == nil {
		t.statuses = append(t.statuses, status)
	}
	t.spans = &spanSender{spanQueue: queue, stop: client.Stop}
	go queue.run(context.WithoutCancel(ctx))
	addSpoolMetrics(registry, t.spool, queue)
	t.providers = append(t.providers, t.spans)
	return nil
}

// sendSpans sends a request without a spool. It returns how many spans are lost.
func sendSpans(ctx context.Context, client otlptrace.Client, status *exportStatus, request []byte, count int64) (lost int64) {
	status.export(ctx, func(ctx context.Context) error {
		spans, err := encoded.Unread(request)
		if err == nil {
			err = otlperr.WithoutWarning(client.UploadTraces(ctx, spans))
		}
		lost = otlperr.Lost(err, count)
		return err
	})
	return lost
}

// openSpool returns a spool, which keeps spans on disk. It returns nil if the settings have no spool, or if the spool cannot be opened,
// because probing matters more.
func (t *Telemetry) openSpool(ctx context.Context, to *collector.Destination) *spool.Client {
	if t.options.SpoolDir == "" || t.options.Settings.Spool == 0 {
		return nil
	}
	spooled, err := spool.New(to.TraceClient(false), spool.Options{ //nolint:contextcheck // the spool outlives every context
		Dir: t.options.SpoolDir, Limit: int64(t.options.Settings.Spool), Logger: t.logger.With("endpoint", to.URL),
	})
	if err != nil {
		t.logger.ErrorContext(ctx, "spans do not wait on disk: those that the collector does not accept at once are lost", "error", err)
		return nil
	}
	return spooled
}

// spanWriter returns nil when spans are not sent.
func (t *Telemetry) spanWriter() *spanWriter {
	if t.spans == nil {
		return nil
	}
	return newSpanWriter(t.spans.add, t.options.UserAgent)
}
