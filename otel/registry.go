package otel

import (
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// registry holds all metrics but those of the Go runtime. The SDK would hold all series once for every reader and hand them
// out at once, which is too much for 10,000 probes; here they are made series by series, when the collector's requests are filled (registry_otlp.go) and
// when the Prometheus page is read (registry_prometheus.go).
type registry struct {
	version string // of the scope
	start   time.Time
	sources []source // counters and gauges

	histograms []source // read last: they are most of all, and who runs out of time has the rest
}

// all returns everything in the order in which it is read.
func (r *registry) all() []source { return slices.Concat(r.sources, r.histograms) }

// source is what can be read: a counter, a histogram, or all gauges.
type source interface {
	otlp(start, now time.Time, send func(*about, metricdata.Aggregation) error) error
	prometheus(start time.Time, send func(*about, *dto.Metric))
}

// about describes a metric.
type about struct {
	name        string
	unit        string
	description string
	bounds      []float64 // upper bounds of a histogram's fixed buckets, in seconds, ascending
}

func newRegistry(version string) *registry {
	return &registry{version: version, start: time.Now()}
}

// addHistogram makes a histogram. All are made before the first is read.
func addHistogram[K comparable](all *registry, described about, attributes func(K) []attribute.KeyValue) *histogram[K] {
	h := &histogram[K]{about: described, attributes: attributes}
	all.histograms = append(all.histograms, h)
	return h
}

// addCounter makes a counter. All are made before the first is read.
func addCounter[K comparable](all *registry, described about, attributes func(K) []attribute.KeyValue) *counter[K] {
	c := &counter[K]{about: described, attributes: attributes}
	all.sources = append(all.sources, c)
	return c
}
