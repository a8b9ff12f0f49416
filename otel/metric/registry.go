package metric

import (
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Registry holds all metrics but those of the Go runtime. The SDK would hold all series once for every reader and hand them
// out at once, which is too much for 10,000 probes; here they are made series by series, when the collector's requests are filled (registry_otlp.go) and
// when the Prometheus page is read (registry_prometheus.go).
type Registry struct {
	scope   instrumentation.Scope
	start   time.Time
	sources []source // counters and gauges

	histograms []source // read last: they are most of all, and who runs out of time has the rest
}

// all returns everything in the order in which it is read.
func (r *Registry) all() []source { return slices.Concat(r.sources, r.histograms) }

// source is what can be read: a counter, a histogram, or all gauges.
type source interface {
	otlp(start, now time.Time, send func(*Descriptor, metricdata.Aggregation) error) error
	prometheus(start time.Time, send func(*Descriptor, *dto.Metric))
}

// Descriptor describes a metric.
type Descriptor struct {
	Name        string
	Unit        string
	Description string
	Bounds      []float64 // upper bounds of a histogram's fixed buckets, in seconds, ascending
}

// NewRegistry returns an empty registry, whose metrics have the given scope.
func NewRegistry(scope instrumentation.Scope) *Registry {
	return &Registry{scope: scope, start: time.Now()}
}

// NewHistogram makes a histogram. All are made before the first is read.
func NewHistogram[K comparable](all *Registry, described Descriptor, attributes func(K) []attribute.KeyValue) *Histogram[K] {
	h := &Histogram[K]{Descriptor: described, attributes: attributes}
	all.histograms = append(all.histograms, h)
	return h
}

// NewCounter makes a counter. All are made before the first is read.
func NewCounter[K comparable](all *Registry, described Descriptor, attributes func(K) []attribute.KeyValue) *Counter[K] {
	c := &Counter[K]{Descriptor: described, attributes: attributes}
	all.sources = append(all.sources, c)
	return c
}

// NewCounterFunc makes a counter of one series without attributes, whose value is read whenever metrics are.
func NewCounterFunc(all *Registry, described Descriptor, total func() int64) {
	all.sources = append(all.sources, &counterFunc{Descriptor: described, total: total})
}

// Observe shows one value of a gauge.
type Observe func(a *Descriptor, value float64, attributes ...attribute.KeyValue)

// NewGauges makes a group of gauges, which read shows whenever metrics are read. The descriptors are in the order of the page.
func NewGauges(all *Registry, descriptors []*Descriptor, read func(Observe)) {
	all.sources = append(all.sources, &gauges{descriptors: descriptors, read: read})
}

// gauges is a group of gauges.
type gauges struct {
	descriptors []*Descriptor
	read        func(Observe)
}
