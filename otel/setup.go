package otel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"squarewatch/otel/collector"
	"squarewatch/otel/metric"
	"squarewatch/otel/otlperr"
	"squarewatch/otel/spool"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/contrib/instrumentation/runtime"
	otelapi "go.opentelemetry.io/otel"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// exportTimeout is how long one export of metrics may take with all its requests. It is a little shorter than the SDK's export interval of
// one minute.
const exportTimeout = 55 * time.Second

// Options configures a [Telemetry].
type Options struct {
	Settings       Settings
	ServiceVersion string // service.version
	InstanceID     string // service.instance.id

	// Location is the place of this host, an attribute of the resource and of every metric of the probes. Empty leaves it out.
	Location string

	// SpoolDir is the directory in which spans wait while the collector is down. Only this process may use it. Empty means no spool.
	SpoolDir string

	// UserAgent is the User-Agent of the probes' requests. Empty leaves it out of the spans.
	UserAgent string

	// Logger gets one line when the collector goes down or comes back, and one for every kind of loss. Nil discards them.
	Logger *slog.Logger

	batchTimeout time.Duration // for tests; 0 for the default
}

// Telemetry is the export of traces, metrics and logs. It uses no global state, so a process may have several.
type Telemetry struct {
	recorder  *Recorder
	page      http.Handler
	spans     *spanSender            // nil when spans are not sent
	logs      *sdklog.LoggerProvider // nil when logs are not sent
	providers []provider
	spool     *spool.Client // nil without a spool
	statuses  []*exportStatus
	logger    *slog.Logger
	options   *Options
	abandon   context.CancelFunc // cancels exports that are running
}

// New sets up telemetry. It connects to nothing. A collector that is down is logged at the first export. An exporter that cannot be set up
// is logged, and its signal is not sent. New returns an error only for invalid settings and for faults of the SDK.
func New(ctx context.Context, options Options) (*Telemetry, error) {
	logger := cmp.Or(options.Logger, slog.New(slog.DiscardHandler))
	if err := options.Settings.Validate(); err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	where := location(options.Location)
	res, err := newResource(ctx, options.ServiceVersion, options.InstanceID, where...)
	if err != nil {
		logger.WarnContext(ctx, "some resource attributes are missing from telemetry", "error", err)
	}
	registry := metric.NewRegistry(instrumentationScope(options.ServiceVersion), where...)
	page, reader, err := metric.NewPage(registry, slog.New(newThrottle(logger.Handler())))
	if err != nil {
		return nil, err
	}
	t := &Telemetry{page: page, logger: logger, options: &options}
	readers := []sdkmetric.Reader{reader}
	running, abandon := context.WithCancel(context.WithoutCancel(ctx))
	t.abandon = abandon
	for _, d := range t.destinations(ctx) {
		pushing, err := t.connect(ctx, &d, res, registry, cancelledWith(running))
		if err != nil {
			logger.ErrorContext(ctx, "some telemetry is not sent", "signal", d.Signal, "error", err,
				"fix", "correct telemetry.otlp in the file, or the OTEL_EXPORTER_OTLP_ variables, and restart the service")
		}
		readers = append(readers, pushing...)
	}
	meters := newMeterProvider(res, readers...)
	t.providers = append(t.providers, meters)
	if err := runtime.Start(runtime.WithMeterProvider(meters)); err != nil {
		return nil, errors.Join(fmt.Errorf("set up the metrics of the Go runtime: %w", err), t.Shutdown(ctx))
	}
	t.recorder = newRecorder(t.spanWriter(), registry, options.Settings.ClassicBuckets)
	if t.spool != nil { // without a spool an export waits for the collector, and other spans would wait with it
		t.recorder.requestExport = t.spans.requestExport
	}
	t.recorder.KeepHealthy(options.Settings.KeepHealthy)
	return t, nil
}

// destinations returns where signals are sent. It only logs wrong settings, because probing matters more than telemetry. The command
// squarewatch check refuses them.
func (t *Telemetry) destinations(ctx context.Context) []collector.Destination {
	for _, warning := range collector.IgnoredVariables(os.Getenv) {
		t.logger.WarnContext(ctx, "an environment variable is not used", "warning", warning)
	}
	list, err := t.options.Settings.OTLP.Destinations(os.Getenv)
	if err != nil {
		t.logger.ErrorContext(ctx, "some telemetry is not sent", "error", err,
			"fix", "correct the error and restart the service; squarewatch check tells whether it is corrected")
	}
	return list
}

// connect sets up the export of one signal. For metrics it returns a reader.
func (t *Telemetry) connect(
	ctx context.Context, to *collector.Destination, res *resource.Resource, registry *metric.Registry, derive deriveContext,
) ([]sdkmetric.Reader, error) {
	status := &exportStatus{signal: to.Signal, endpoint: to.URL, logger: t.logger, derive: derive}
	switch to.Signal {
	case collector.SignalTraces:
		return nil, t.connectSpans(ctx, to, res, status, registry)
	case collector.SignalLogs:
		return nil, t.connectLogs(ctx, to, res, status)
	}
	exporter, err := to.MetricExporter(ctx)
	if err != nil {
		return nil, err
	}
	t.statuses = append(t.statuses, status)
	var options []sdkmetric.PeriodicReaderOption
	if os.Getenv("OTEL_METRIC_EXPORT_TIMEOUT") == "" {
		options = append(options, sdkmetric.WithTimeout(exportTimeout))
	}
	pushing := sdkmetric.NewPeriodicReader(&metricExporter{Exporter: exporter, status: status, registry: registry}, options...)
	return []sdkmetric.Reader{pushing}, nil
}

// newMeterProvider returns the provider of the Go runtime's metrics. All other metrics are in the registry.
func newMeterProvider(res *resource.Resource, readers ...sdkmetric.Reader) *sdkmetric.MeterProvider {
	options := []sdkmetric.Option{sdkmetric.WithResource(res)}
	for _, reader := range readers {
		options = append(options, sdkmetric.WithReader(reader))
	}
	return sdkmetric.NewMeterProvider(options...)
}

// Recorder returns the recorder of results.
func (t *Telemetry) Recorder() *Recorder { return t.recorder }

// Metrics returns the page of all metrics for Prometheus: text, OpenMetrics with exemplars, or protobuf, depending on the Accept header.
func (t *Telemetry) Metrics() http.Handler { return t.page }

// Flush sends everything now. It returns an error if something did not arrive, or if ctx ends first.
func (t *Telemetry) Flush(ctx context.Context) error {
	failures := t.eachProvider(func(p provider) error { return p.ForceFlush(ctx) })
	if t.spool != nil {
		failures = append(failures, t.spool.Flush(ctx))
	}
	for _, s := range t.statuses {
		failures = append(failures, s.lastFailure())
	}
	return errors.Join(failures...)
}

// Shutdown sends what is left and stops. If ctx ends first, spans stay in the spool, the rest is lost, and a line is logged. That is not an
// error: a collector that is down must not make a clean stop fail. Nothing may be recorded after Shutdown.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	defer t.abandon()
	err := errors.Join(t.eachProvider(func(p provider) error { return p.Shutdown(ctx) })...)
	if ctx.Err() == nil {
		return err
	}
	if len(t.statuses) > 0 {
		t.logger.WarnContext(ctx, "the last telemetry is lost: the collector did not accept it in time", "endpoint", t.statuses[0].endpoint)
	}
	return nil
}

// provider is an SDK provider of any signal.
type provider interface {
	ForceFlush(ctx context.Context) error
	Shutdown(ctx context.Context) error
}

// eachProvider calls act for all providers at the same time, so that a slow one does not use up the time of the others.
func (t *Telemetry) eachProvider(act func(provider) error) []error {
	failures := make([]error, len(t.providers))
	var wait sync.WaitGroup
	for i, p := range t.providers {
		wait.Go(func() { failures[i] = act(p) })
	}
	wait.Wait()
	return failures
}

// ReportFaults logs the errors that the SDK reports only to its global handlers, each at most once a minute. It changes the whole process,
// so only main calls it.
func ReportFaults(logger *slog.Logger) {
	limited := newThrottle(logger.Handler())
	faults := slog.New(limited)
	otelapi.SetErrorHandler(otelapi.ErrorHandlerFunc(func(err error) {
		faults.Warn("the OpenTelemetry SDK reports an error", "error", otlperr.Short(err))
	}))
	otelapi.SetLogger(logr.FromSlogHandler(valueHider{limited}))
}
