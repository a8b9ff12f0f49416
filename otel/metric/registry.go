package metric

import (
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Registry holds metrics. All metrics must be added before the first export and before the page is first read.
type Registry struct {
	scope     instrumentation.Scope
	common    []attribute.KeyValue // of every series
	startTime time.Time
	sources   []source // counters and gauges

	// histograms are exported last because they are by far the most data: an export that runs out of time has sent the rest.
	histograms []source
}

// NewRegistry returns an empty registry. Its metrics are exported with the given instrumentation scope, and every series has the common
// attributes.
func NewRegistry(scope instrumentation.Scope, common ...attribute.KeyValue) *Registry {
	return &Registry{scope: scope, common: common, startTime: time.Now()}
}

// all returns all metrics in the order of an export.
func (r *Registry) all() []source { return slices.Concat(r.sources, r.histograms) }

// source is a counter, a histogram, a callback counter or a group of gauges. otlp calls send for one batch after the other, and prometheus
// calls the function send of the exposition for one series after the other.
type source interface {
	otlp(start, now time.Time, send func(*Descriptor, metricdata.Aggregation) error) error
	prometheus(e *exposition)
}

// Descriptor describes a metric in the terms of OpenTelemetry.
type Descriptor struct {
	Name        string
	Unit        string // in UCUM, for example s or {run}; empty for a ratio or a flag
	Description string
	Bounds      []float64 // upper bounds of a histogram's fixed buckets, in seconds, ascending; nil: the text page has no buckets
}

// NewHistogram adds a histogram to a registry. The attributes of a series are computed from its key at each export.
func NewHistogram[K comparable](r *Registry, d Descriptor, attributes func(K) []attribute.KeyValue) *Histogram[K] {
	h := &Histogram[K]{Descriptor: d, attributes: attributes}
	r.histograms = append(r.histograms, h)
	return h
}

// NewCounter adds a counter to a registry. The attributes of a series are computed from its key at each export.
func NewCounter[K comparable](r *Registry, d Descriptor, attributes func(K) []attribute.KeyValue) *Counter[K] {
	c := &Counter[K]{Descriptor: d, attributes: attributes}
	r.sources = append(r.sources, c)
	return c
}

// NewCounterFunc adds a counter of one series without attributes. Its value is what total returns at each export.
func NewCounterFunc(r *Registry, d Descriptor, total func() int64) {
	r.sources = append(r.sources, &counterFunc{Descriptor: d, total: total})
}

// Observe reports one value of a gauge.
type Observe func(d *Descriptor, value float64, attributes ...attribute.KeyValue)

// NewGauges adds a group of gauges. Each export calls read, which reports the values of all gauges of the group. Read may be called by
// several goroutines at once. The descriptors are in the order in which the gauges are exported.
func NewGauges(r *Registry, descriptors []*Descriptor, read func(Observe)) {
	r.sources = append(r.sources, &gauges{descriptors: descriptors, read: read})
}

// gauges is a group of gauges that one callback reads.
type gauges struct {
	descriptors []*Descriptor
	read        func(Observe)
}
