package metric

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	prometheusexporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// NewPage returns the Prometheus page of a registry, and a reader for the SDK's meter provider. The page also shows the metrics of that
// provider, of the process and of the build. Metric names are translated as the OpenTelemetry specification says. The instrumentation
// scope is not a label: there is only one, and its version would start new series at every upgrade.
func NewPage(registry *Registry, logger *slog.Logger) (http.Handler, sdkmetric.Reader, error) {
	gatherer := prometheus.NewRegistry()
	reader, err := prometheusexporter.New(
		prometheusexporter.WithRegisterer(gatherer),
		prometheusexporter.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes),
		prometheusexporter.WithoutScopeInfo(),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("prepare the metrics page: %w", err)
	}
	process := collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})
	for _, c := range []prometheus.Collector{collectors.NewBuildInfoCollector(), process} {
		if err := gatherer.Register(c); err != nil {
			return nil, nil, fmt.Errorf("prepare the metrics page: %w", err)
		}
	}
	return gzhttp.GzipHandler(&page{gatherer: gatherer, registry: registry, logger: logger}), reader, nil
}

// page shows all metrics as Prometheus text, as OpenMetrics with exemplars, or as protobuf with native histograms, depending on the
// Accept header. It writes the page in batches of series. The client library gathers all series first, which takes 250 MB a scrape for
// 10,000 probes.
type page struct {
	gatherer prometheus.Gatherer // of the Go runtime, the process and the build
	registry *Registry
	logger   *slog.Logger

	mu     sync.Mutex
	cutOff time.Time // when a page was last not written completely
}

// quiet is how long every page must be complete before the next incomplete one is logged again. A scraper with a short timeout cuts off
// every page, and others between them may be complete.
const quiet = 10 * time.Minute

// logCutOff logs the first of a row of incomplete pages.
func (p *page) logCutOff(ctx context.Context, err error) {
	now := time.Now()
	p.mu.Lock()
	known := now.Sub(p.cutOff) < quiet
	p.cutOff = now
	p.mu.Unlock()
	if known {
		return
	}
	if _, network := errors.AsType[*net.OpError](err); network {
		err = errors.New("the client closed the connection") // the error itself names a port, which differs every time
	}
	p.logger.WarnContext(ctx, "the metrics page could not be written completely; further ones are not logged", "error", err,
		"fix", "raise the scrape_timeout of the Prometheus that reads it")
}

// ServeHTTP writes the page.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	w.Header().Set("Content-Type", string(format))
	if err := p.write(newFamilyWriter(w, format)); err != nil {
		// In most cases the client has closed the connection. A client that has not must see that the page is incomplete.
		p.logCutOff(r.Context(), err)
		panic(http.ErrAbortHandler)
	}
}

func (p *page) write(out *familyWriter) error {
	families, err := p.gatherer.Gather() // it returns the other families together with an error
	if err != nil {
		p.logger.Warn("some metrics are missing from the metrics page", "error", err)
	}
	for _, f := range families {
		if err := out.writeFamily(f); err != nil {
			return err
		}
	}
	e := &exposition{start: p.registry.startTime, native: !out.text, names: map[attribute.Key]*string{}, send: out.add}
	if common := e.labels(p.registry.common); len(common) > 0 {
		e.send = func(d *Descriptor, m *dto.Metric) {
			m.Label = slices.SortedFunc(slices.Values(append(m.Label, common...)), byName)
			out.add(d, m)
		}
	}
	for _, s := range p.registry.all() {
		s.prometheus(e)
	}
	return out.close()
}

// pageBatch is how many series are written at once. Other goroutines may run between two batches, so that due runs do not wait for a
// page of 10,000 probes.
const pageBatch = 50

// familyWriter writes metric families in batches of at most pageBatch series.
type familyWriter struct {
	to      io.Writer
	text    bool // a text format, in which a family has one heading
	buffer  bytes.Buffer
	encoder expfmt.Encoder
	current *Descriptor
	headed  bool // the heading of the current family has been written
	pending []*dto.Metric
	failure error
}

func newFamilyWriter(to io.Writer, format expfmt.Format) *familyWriter {
	kind := format.FormatType()
	w := &familyWriter{to: to, text: kind == expfmt.TypeTextPlain || kind == expfmt.TypeOpenMetrics}
	w.encoder = expfmt.NewEncoder(&w.buffer, format)
	return w
}

// add appends one series. All series of a metric must be added before those of the next metric.
func (w *familyWriter) add(d *Descriptor, m *dto.Metric) {
	if w.current != d || len(w.pending) == pageBatch {
		w.flush()
	}
	if w.current != d {
		w.current, w.headed = d, false
	}
	if w.text && len(d.Bounds) == 0 {
		withoutBuckets(m)
	}
	w.pending = append(w.pending, m)
}

// flush writes the pending series.
func (w *familyWriter) flush() {
	if len(w.pending) == 0 || w.failure != nil {
		w.pending = w.pending[:0]
		return
	}
	name, kind, err := w.current.exposed(w.pending[0])
	if err != nil {
		w.failure = err
		return
	}
	w.failure = w.writeFamily(&dto.MetricFamily{
		Name: new(name), Help: new(w.current.Description), Type: new(kind), Metric: w.pending,
	})
	w.headed = true
	clear(w.pending)
	w.pending = w.pending[:0]
}

// writeFamily encodes and writes one family. It leaves out the heading that the encoder repeats for every batch of a family.
func (w *familyWriter) writeFamily(f *dto.MetricFamily) error {
	w.buffer.Reset()
	if err := w.encoder.Encode(f); err != nil {
		return fmt.Errorf("write %s: %w", f.GetName(), err)
	}
	batch := w.buffer.Bytes()
	for w.text && w.headed && bytes.HasPrefix(batch, []byte("# ")) {
		_, batch, _ = bytes.Cut(batch, []byte("\n"))
	}
	_, err := w.to.Write(batch)
	runtime.Gosched()
	return err
}

// close writes the pending series and the end marker that some formats have.
func (w *familyWriter) close() error {
	w.flush()
	if w.failure != nil {
		return w.failure
	}
	w.buffer.Reset()
	if closer, ok := w.encoder.(expfmt.Closer); ok {
		if err := closer.Close(); err != nil {
			return err
		}
	}
	_, err := w.to.Write(w.buffer.Bytes())
	return err
}

// exposed returns the metric's name on the page and its type. The name is translated as the OpenTelemetry specification says
// (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/).
func (d *Descriptor) exposed(m *dto.Metric) (string, dto.MetricType, error) {
	kind, translated := dto.MetricType_GAUGE, otlptranslator.MetricType(otlptranslator.MetricTypeGauge)
	switch {
	case m.GetSummary() != nil:
		kind, translated = dto.MetricType_SUMMARY, otlptranslator.MetricTypeSummary
	case m.GetHistogram() != nil:
		kind, translated = dto.MetricType_HISTOGRAM, otlptranslator.MetricTypeHistogram
	case m.GetCounter() != nil:
		kind, translated = dto.MetricType_COUNTER, otlptranslator.MetricTypeMonotonicCounter
	}
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	name, err := namer.Build(otlptranslator.Metric{Name: d.Name, Unit: d.Unit, Type: translated})
	if err != nil {
		return "", 0, fmt.Errorf("translate the name of %s: %w", d.Name, err)
	}
	return name, kind, nil
}
