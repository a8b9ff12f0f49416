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
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// exportTimeout is what all requests of one export of metrics may take together: nearly the interval, as they may be many.
const exportTimeout = 55 * time.Second

// Options are what [New] needs to know.
type Options struct {
	Settings       Settings
	ServiceVersion string       // service.version
	InstanceID     string       // service.instance.id
	SpoolDir       string       // where spans wait while the collector is away, for this process alone; empty for nowhere
	UserAgent      string       // what probes send as User-Agent; left out of spans when empty
	Logger         *slog.Logger // told when the collector goes away and comes back; nil for nobody

	batchTimeout time.Duration // for tests; 0 for the usual
}

// Telemetry is the whole of tracing, metrics and logs as a value: nothing of it is global, and there may be several.
type Telemetry struct {
	recorder   *Recorder
	exposition http.Handler
	tracers    *sdktrace.TracerProvider // nil when nothing is sent
	logs       *sdklog.LoggerProvider   // nil when logs are not sent
	providers  []provider
	spool      *spool.Client // nil when spans do not wait on disk
	urgent     *urgent       // nil like it
	version    string
	deliveries []*delivery
	logger     *slog.Logger
	options    *Options
	abandon    context.CancelFunc // ends exports that are still going on
}

// New prepares tracing and metrics. It connects to nothing: a collector that cannot be reached is logged when there is
// something to send, and never stops anything, nor does an exporter that cannot be prepared.
func New(ctx context.Context, options Options) (*Telemetry, error) {
	logger := cmp.Or(options.Logger, slog.New(slog.DiscardHandler))
	if err := options.Settings.Validate(); err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	described, err := newResource(ctx, options.ServiceVersion, options.InstanceID)
	if err != nil {
		logger.WarnContext(ctx, "some resource attributes are left out of telemetry", "error", err)
	}
	own := metric.NewRegistry(newScope(options.ServiceVersion))
	page, reader, err := metric.NewPage(own, slog.New(newThrottle(logger.Handler())))
	if err != nil {
		return nil, err
	}
	t := &Telemetry{exposition: page, version: options.ServiceVersion, logger: logger, options: &options}
	readers := []sdkmetric.Reader{reader}
	all, abandon := context.WithCancel(context.WithoutCancel(ctx))
	t.abandon = abandon
	for _, d := range t.destinations(ctx) {
		pushed, err := t.connect(ctx, &d, described, own, lifetime(all))
		if err != nil {
			logger.ErrorContext(ctx, "some telemetry is not sent", "signal", d.Signal, "error", err,
				"fix", "correct telemetry.otlp in the file, or the OTEL_EXPORTER_OTLP_ variables, and restart the service")
		}
		readers = append(readers, pushed...)
	}
	meters := newMeterProvider(described, readers...)
	t.providers = append(t.providers, meters)
	if err := runtime.Start(runtime.WithMeterProvider(meters)); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the metrics of the Go runtime: %w", err), t.Shutdown(ctx))
	}
	t.recorder = newRecorder(t.tracer(), own, options.UserAgent)
	t.recorder.urgent = t.urgent
	t.recorder.KeepHealthy(options.Settings.KeepHealthy)
	return t, nil
}

// destinations returns where signals go. What is wrong with one is logged: to watch matters more than to tell the collector,
// and squarewatch check refuses it.
func (t *Telemetry) destinations(ctx context.Context) []collector.Destination {
	for _, remark := range collector.IgnoredVariables(os.Getenv) {
		t.logger.WarnContext(ctx, "a variable of the environment is not followed", "remark", remark)
	}
	list, err := t.options.Settings.OTLP.Destinations(os.Getenv)
	if err != nil {
		t.logger.ErrorContext(ctx, "some telemetry is not sent", "error", err, "fix", "correct it and restart the service; squarewatch check says when it is right")
	}
	return list
}

// connect sets up what sends one signal. Metrics need readers, which it returns.
func (t *Telemetry) connect(ctx context.Context, to *collector.Destination, described *resource.Resource, own *metric.Registry, bound bound) ([]sdkmetric.Reader, error) {
	watched := &delivery{signal: to.Signal, endpoint: to.URL, logger: t.logger, bound: bound}
	if to.Signal == collector.SignalTraces {
		return nil, t.connectTraces(ctx, to, described, watched, own)
	}
	if to.Signal == collector.SignalLogs {
		return nil, t.connectLogs(ctx, to, described, watched)
	}
	exporter, err := to.MetricExporter(ctx)
	if err != nil {
		return nil, err
	}
	t.deliveries = append(t.deliveries, watched)
	var options []sdkmetric.PeriodicReaderOption
	if os.Getenv("OTEL_METRIC_EXPORT_TIMEOUT") == "" {
		options = append(options, sdkmetric.WithTimeout(exportTimeout))
	}
	return []sdkmetric.Reader{sdkmetric.NewPeriodicReader(&metricExporter{Exporter: exporter, delivery: watched, own: own}, options...)}, nil
}

// connectTraces sets up what sends spans. With a spool they wait on disk until the collector takes them, and a failure to
// reach it is the spool's to tell.
func (t *Telemetry) connectTraces(ctx context.Context, to *collector.Destination, described *resource.Resource, watched *delivery, own *metric.Registry) error {
	client := t.openSpool(ctx, to)
	spooled := client != nil
	if !spooled {
		client = to.TraceClient(true)
	}
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		err = fmt.Errorf("prepare the export of spans: %w", err)
		if spooled {
			t.spool = nil
			err = errors.Join(err, client.Stop(ctx))
		}
		return err
	}
	waiting := &queue{logger: slog.New(newThrottle(t.logger.Handler()))}
	var sending sdktrace.SpanExporter = exporter
	if !spooled {
		t.deliveries = append(t.deliveries, watched)
		sending = &spanExporter{exporter, watched, waiting}
	}
	t.tracers = newTracerProvider(described, newQueued(sending, waiting, cmp.Or(t.options.batchTimeout, batchTimeout)))
	addSpoolMetrics(own, t.spool, waiting)
	t.providers = append(t.providers, t.tracers)
	if spooled { // else an export may take as long as the collector likes, and others would wait for it
		t.urgent = newUrgent(ctx, t.tracers)
	}
	return nil
}

// openSpool returns nil when spans are not to wait on disk, or cannot: probing matters more.
func (t *Telemetry) openSpool(ctx context.Context, to *collector.Destination) otlptrace.Client {
	if t.options.SpoolDir == "" || t.options.Settings.Spool == 0 {
		return nil
	}
	spooled, err := spool.New(to.TraceClient(false), spool.Options{ //nolint:contextcheck // it outlives any context
		Dir: t.options.SpoolDir, Limit: int64(t.options.Settings.Spool), Logger: t.logger.With("endpoint", to.URL),
	})
	if err != nil {
		t.logger.ErrorContext(ctx, "spans do not wait on disk: those that the collector does not take at once are lost", "error", err)
		return nil
	}
	t.spool = spooled
	return spooled
}

// newTracerProvider keeps every span: what is worth keeping is decided before spans are written.
func newTracerProvider(described *resource.Resource, processor sdktrace.SpanProcessor) *sdktrace.TracerProvider {
	return sdktrace.NewTracerProvider(sdktrace.WithResource(described), sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithIDGenerator(generator{}), sdktrace.WithSpanProcessor(processor), sdktrace.WithoutPanicRecording())
}

// newMeterProvider returns what the metrics of the Go runtime are made with; all others are in the registry.
func newMeterProvider(described *resource.Resource, readers ...sdkmetric.Reader) *sdkmetric.MeterProvider {
	options := []sdkmetric.Option{sdkmetric.WithResource(described)}
	for _, reader := range readers {
		options = append(options, sdkmetric.WithReader(reader))
	}
	return sdkmetric.NewMeterProvider(options...)
}

// tracer returns nil when nothing is sent.
func (t *Telemetry) tracer() trace.Tracer {
	if t.tracers == nil {
		return nil
	}
	return t.tracers.Tracer(scopeName, trace.WithInstrumentationVersion(t.version), trace.WithSchemaURL(semconv.SchemaURL))
}

// Recorder returns what results are handed to.
func (t *Telemetry) Recorder() *Recorder { return t.recorder }

// Metrics returns the page of all metrics for Prometheus: text, OpenMetrics with exemplars, or protobuf, as its reader asks.
func (t *Telemetry) Metrics() http.Handler { return t.exposition }

// Flush sends everything now and returns why it did not arrive, if so, or that ctx ended first.
func (t *Telemetry) Flush(ctx context.Context) error {
	failures := t.all(func(p provider) error { return p.ForceFlush(ctx) })
	if t.spool != nil {
		failures = append(failures, t.spool.Flush(ctx))
	}
	for _, d := range t.deliveries {
		failures = append(failures, d.lastFailure())
	}
	return errors.Join(failures...)
}

// Shutdown sends what is left and ends. When ctx ends first, spans stay in the spool and the rest is given up, which is logged
// and no error: a collector that is away must not fail a clean stop. Nothing may be recorded afterwards.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	defer t.abandon()
	t.urgent.close()
	err := errors.Join(t.all(func(p provider) error { return p.Shutdown(ctx) })...)
	if ctx.Err() == nil {
		return err
	}
	if len(t.deliveries) > 0 {
		t.logger.WarnContext(ctx, "the last telemetry was given up: its collector did not take it in time", "endpoint", t.deliveries[0].endpoint)
	}
	return nil
}

// provider is what the SDK's providers of all signals can do.
type provider interface {
	ForceFlush(ctx context.Context) error
	Shutdown(ctx context.Context) error
}

// all acts on all providers at the same time, so that a slow one leaves its time to the others.
func (t *Telemetry) all(act func(provider) error) []error {
	failures := make([]error, len(t.providers))
	var wait sync.WaitGroup
	for i, p := range t.providers {
		wait.Go(func() { failures[i] = act(p) })
	}
	wait.Wait()
	return failures
}

// ReportFaults sends the faults that the SDK can report only through its global handlers to logger, the same one at most
// once a minute. It is process-wide: main calls it once.
func ReportFaults(logger *slog.Logger) {
	limited := newThrottle(logger.Handler())
	faults := slog.New(limited)
	otelapi.SetErrorHandler(otelapi.ErrorHandlerFunc(func(err error) {
		faults.Warn("the telemetry library reports a fault", "error", otlperr.Short(err))
	}))
	otelapi.SetLogger(logr.FromSlogHandler(discreet{limited}))
}
