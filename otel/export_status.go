package otel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"squarewatch/otel/collector"
	"squarewatch/otel/metric"
	"squarewatch/otel/otlperr"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// exportStatus remembers whether the last export of one signal failed. It logs one line when exports begin to fail and one when they
// succeed again. It cancels exports when the telemetry is shut down.
type exportStatus struct {
	signal   string
	endpoint string
	logger   *slog.Logger
	derive   deriveContext

	mu      sync.Mutex
	failure error     // of the last export
	failing time.Time // since when exports fail; zero while they succeed
	lacked  bool      // the log says that the collector has no service for the signal
}

// export runs one export. It returns nothing, because the SDK would report every error to its global handler again.
func (s *exportStatus) export(ctx context.Context, send func(context.Context) error) {
	ctx, cancel := s.derive(ctx)
	defer cancel()
	err := send(ctx)
	lacking := s.signal == collector.SignalMetrics && otlperr.NoService(err)
	if lacking {
		err = nil // metrics are at /metrics, and the next export finds out when the collector has the service
	}
	changed, first := s.set(err, lacking)
	switch {
	case first:
		s.logger.InfoContext(ctx, "the collector has no service for metrics (Jaeger, for example, has none); metrics stay at /metrics",
			"endpoint", s.endpoint, "fix", "if it should accept metrics, correct its pipelines; to send none, set OTEL_METRICS_EXPORTER=none")
	case changed:
		s.log(ctx, err)
	}
}

// set sets the outcome of the last export. It reports whether exports began to fail, to succeed again, or to be rejected in part, and
// whether this is the first time that the collector lacks the service.
func (s *exportStatus) set(err error, lacking bool) (changed, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.failure
	first = lacking && !s.lacked
	s.failure, s.lacked = err, s.lacked || lacking
	switch {
	case err == nil:
		s.failing = time.Time{}
	case before == nil:
		s.failing = time.Now()
	}
	if lacking { // the log must not report it as a success
		return false, first
	}
	return (before == nil) != (err == nil) || otlperr.OnlyPartial(before) != otlperr.OnlyPartial(err), first
}

func (s *exportStatus) log(ctx context.Context, err error) {
	if err == nil {
		s.logger.InfoContext(ctx, "telemetry reaches the collector again", "signal", s.signal, "endpoint", s.endpoint)
		return
	}
	if otlperr.OnlyPartial(err) {
		s.logger.WarnContext(ctx, "the collector rejects some telemetry; the rest arrives", "signal", s.signal, "endpoint", s.endpoint,
			"error", otlperr.Short(err), "fix", "read the collector's message; it may be configured to accept less than squarewatch sends")
		return
	}
	s.logger.WarnContext(ctx, "telemetry does not reach the collector; nothing else is affected",
		"signal", s.signal, "endpoint", s.endpoint, "error", otlperr.Short(err),
		"fix", "start the collector, or correct telemetry.otlp in the file")
}

// lastFailure returns why the last export failed, or nil.
func (s *exportStatus) lastFailure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		return nil
	}
	return fmt.Errorf("send %s to %s: %w", s.signal, s.endpoint, s.failure)
}

// failingSince returns since when exports fail; zero while they succeed.
func (s *exportStatus) failingSince() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failing
}

// deriveContext returns a child of a context.
type deriveContext func(context.Context) (context.Context, context.CancelFunc)

// cancelledWith returns a function that derives contexts which are also cancelled with the given one.
func cancelledWith(other context.Context) deriveContext {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		stop := context.AfterFunc(other, cancel)
		return ctx, func() {
			stop()
			cancel()
		}
	}
}

// metricExporter exports the metrics of the SDK and those of the registry.
type metricExporter struct {
	sdkmetric.Exporter
	status   *exportStatus
	registry *metric.Registry
}

// Export sends metrics. It always returns nil, because the export status logs failures.
func (e *metricExporter) Export(ctx context.Context, metrics *metricdata.ResourceMetrics) error {
	e.status.export(ctx, func(ctx context.Context) error {
		export := func(ctx context.Context, part *metricdata.ResourceMetrics) error {
			return otlperr.WithoutWarning(e.Exporter.Export(ctx, part))
		}
		return errors.Join(e.registry.Export(ctx, metrics.Resource, export), export(ctx, metrics))
	})
	return nil
}
