package otel

import (
	"context"
	"maps"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// histogram is one metric of durations, with a series for each key. The SDK would keep each series once for every
// reader, and allot all its buckets at once: 292 MB at 10,000 probes, of which most was empty. This one is kept once, and
// sent to the collector in small requests (histograms_otlp.go), and read by the Prometheus page (histograms_prometheus.go).
type histogram[K comparable] struct {
	about
	attributes func(K) []attribute.KeyValue // of a series; made when they are read

	mu     sync.RWMutex
	series map[K]*distribution
}

// about describes a histogram.
type about struct {
	name        string
	unit        string
	description string
	bounds      []float64 // upper bounds of the fixed buckets, in seconds, ascending
}

// family is a histogram whatever its key.
type family interface {
	described() *about
	otlp(start, now time.Time, send func(metricdata.Aggregation) error) error
	prometheus(created *timestamppb.Timestamp, send func(*dto.Metric))
}

func (a *about) described() *about { return a }

// record counts a duration in seconds. The trace that ctx stands in becomes the exemplar if it is kept.
func (h *histogram[K]) record(ctx context.Context, key K, seconds float64) {
	h.mu.RLock()
	d := h.series[key]
	h.mu.RUnlock()
	if d == nil {
		d = h.begin(key)
	}
	d.record(ctx, seconds, h.bounds)
}

func (h *histogram[K]) begin(key K) *distribution {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.series == nil {
		h.series = map[K]*distribution{}
	}
	d := h.series[key]
	if d == nil {
		d = &distribution{}
		h.series[key] = d
	}
	return d
}

// all returns the series as they are now: their locks guard what is in them.
func (h *histogram[K]) all() map[K]*distribution {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return maps.Clone(h.series)
}

// histograms are all of them, for those who read.
type histograms struct {
	version  string // of the scope
	start    time.Time
	families []family
}

func newHistograms(version string) *histograms {
	return &histograms{version: version, start: time.Now()}
}

// addHistogram makes a histogram. All are made before the first is read.
func addHistogram[K comparable](all *histograms, described about, attributes func(K) []attribute.KeyValue) *histogram[K] {
	h := &histogram[K]{about: described, attributes: attributes}
	all.families = append(all.families, h)
	return h
}
