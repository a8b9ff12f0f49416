package metric

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/otlptranslator"
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
	return gzhttp.GzipHandler(&page{others: gatherer, own: registry, logger: logger}), reader, nil
}

// page shows all metrics as Prometheus text, as OpenMetrics with exemplars, or as protobuf with native histograms, as its
// reader asks. It is written part by part: gathered as a whole, as the client library does it, the metrics of 10,000 probes
// would take 250 MB at every scrape.
type page struct {
	others prometheus.Gatherer // of the Go runtime, the process and the build
	own    *Registry
	logger *slog.Logger
}

// ServeHTTP writes the page.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	w.Header().Set("Content-Type", string(format))
	out := newFamilyWriter(w, format)
	if err := p.write(out); err != nil {
		// Mostly a reader that has gone away. One that has not must see that the page is not whole.
		p.logger.WarnContext(r.Context(), "the metrics page could not be written to its end", "error", err)
		panic(http.ErrAbortHandler)
	}
}

func (p *page) write(out *familyWriter) error {
	others, err := p.others.Gather() // what could be gathered comes even beside an error
	if err != nil {
		p.logger.Warn("some metrics are missing from the metrics page", "error", err)
	}
	for _, f := range others {
		if err := out.family(f); err != nil {
			return err
		}
	}
	for _, s := range p.own.all() {
		s.prometheus(p.own.start, out.series)
	}
	return out.close()
}

// pageBatch is how many series are written at once. Between two parts other work has its turn: the runs that have become due
// do not wait for a page of 10,000 probes.
const pageBatch = 50

// familyWriter writes families of metrics in parts of at most pageBatch series.
type familyWriter struct {
	to      io.Writer
	text    bool // of a format in which a family has its heading once
	buffer  bytes.Buffer
	encoder expfmt.Encoder
	current *Descriptor
	heading bool // has been written
	pending []*dto.Metric
	failure error
}

func newFamilyWriter(to io.Writer, format expfmt.Format) *familyWriter {
	kind := format.FormatType()
	w := &familyWriter{to: to, text: kind == expfmt.TypeTextPlain || kind == expfmt.TypeOpenMetrics}
	w.encoder = expfmt.NewEncoder(&w.buffer, format)
	return w
}

// series takes one series. Those of a metric must follow each other.
func (w *familyWriter) series(a *Descriptor, m *dto.Metric) {
	if w.current != a || len(w.pending) == pageBatch {
		w.flush()
	}
	if w.current != a {
		w.current, w.heading = a, false
	}
	w.pending = append(w.pending, m)
}

// flush writes what is pending.
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
	w.failure = w.family(&dto.MetricFamily{Name: new(name), Help: new(w.current.Description), Type: new(kind), Metric: w.pending})
	w.heading = true
	clear(w.pending)
	w.pending = w.pending[:0]
}

func (w *familyWriter) family(f *dto.MetricFamily) error {
	w.buffer.Reset()
	if err := w.encoder.Encode(f); err != nil {
		return fmt.Errorf("write %s: %w", f.GetName(), err)
	}
	part := w.buffer.Bytes()
	for w.text && w.heading && bytes.HasPrefix(part, []byte("# ")) {
		_, part, _ = bytes.Cut(part, []byte("\n"))
	}
	_, err := w.to.Write(part)
	runtime.Gosched()
	return err
}

// close writes what is left, and the end that some formats have.
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

// exposed returns the name of the metric as the OpenTelemetry specification translates it for Prometheus, and its kind.
func (a *Descriptor) exposed(m *dto.Metric) (string, dto.MetricType, error) {
	kind, translated := dto.MetricType_GAUGE, otlptranslator.MetricType(otlptranslator.MetricTypeGauge)
	switch {
	case m.GetHistogram() != nil:
		kind, translated = dto.MetricType_HISTOGRAM, otlptranslator.MetricTypeHistogram
	case m.GetCounter() != nil:
		kind, translated = dto.MetricType_COUNTER, otlptranslator.MetricTypeMonotonicCounter
	}
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	name, err := namer.Build(otlptranslator.Metric{Name: a.Name, Unit: a.Unit, Type: translated})
	if err != nil {
		return "", 0, fmt.Errorf("translate the name of %s: %w", a.Name, err)
	}
	return name, kind, nil
}
