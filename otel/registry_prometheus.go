package otel

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// prometheus sends every series of the counter.
func (c *counter[K]) prometheus(start time.Time, send func(*about, *dto.Metric)) {
	for key, t := range c.series.all() {
		t.mu.Lock()
		counted := &dto.Counter{Value: new(float64(t.sum)), Exemplar: t.newest.prometheus(), CreatedTimestamp: timestamppb.New(t.begun.or(start))}
		t.mu.Unlock()
		send(&c.about, &dto.Metric{Label: labelPairs(c.attributes(key)), Counter: counted})
	}
}

// prometheus sends every series of the histogram. Each has the fixed buckets, which every server reads, and the exponential
// ones, which the protobuf format has for servers that scrape native histograms.
func (h *histogram[K]) prometheus(start time.Time, send func(*about, *dto.Metric)) {
	for key, d := range h.series.all() {
		send(&h.about, &dto.Metric{Label: labelPairs(h.attributes(key)), Histogram: d.prometheus(h.bounds, start)})
	}
}

// prometheus sends the values of each gauge together, as the text formats want it.
func (g *gauges) prometheus(_ time.Time, send func(*about, *dto.Metric)) {
	type reading struct {
		attributes []attribute.KeyValue
		value      float64
	}
	values := map[*about][]reading{}
	g.read(func(a *about, value float64, attributes ...attribute.KeyValue) {
		values[a] = append(values[a], reading{attributes, value})
	})
	for _, a := range g.abouts() {
		for _, v := range values[a] {
			send(a, &dto.Metric{Label: labelPairs(v.attributes), Gauge: &dto.Gauge{Value: new(v.value)}})
		}
	}
}

func labelPairs(attributes []attribute.KeyValue) []*dto.LabelPair {
	namer := otlptranslator.LabelNamer{}
	pairs := make([]*dto.LabelPair, 0, len(attributes))
	for _, a := range attributes {
		name, err := namer.Build(string(a.Key))
		if err != nil {
			continue // no name of ours: a test shows them all
		}
		pairs = append(pairs, &dto.LabelPair{Name: new(name), Value: new(valid(a.Value.String()))})
	}
	slices.SortFunc(pairs, func(a, b *dto.LabelPair) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return pairs
}

func (d *distribution) prometheus(bounds []float64, start time.Time) *dto.Histogram {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := &dto.Histogram{
		SampleCount: new(d.fixed.total()), SampleSum: new(d.sum), CreatedTimestamp: timestamppb.New(d.begun.or(start)),
		Schema: new(d.scale), ZeroThreshold: new(float64(prometheus.DefNativeHistogramZeroThreshold)), ZeroCount: new(d.zero),
		Bucket: d.cumulative(bounds),
	}
	if len(d.exact.counts) > 0 {
		// A bucket of Prometheus is numbered by its upper bound, one of OpenTelemetry by its lower one.
		h.PositiveSpan = []*dto.BucketSpan{{Offset: new(d.exact.first + 1), Length: new(uint32(len(d.exact.counts)))}}
		before := int64(0)
		for _, n := range d.exact.counts {
			h.PositiveDelta = append(h.PositiveDelta, int64(n)-before)
			before = int64(n)
		}
	}
	if e := d.newest.prometheus(); e != nil {
		h.Exemplars = []*dto.Exemplar{e}
		at, _ := slices.BinarySearch(bounds, e.GetValue())
		if at == len(bounds) {
			h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: new(math.Inf(1)), CumulativeCount: h.SampleCount})
		}
		h.Bucket[at].Exemplar = e
	}
	return h
}

// cumulative returns the fixed buckets but the last, which the formats add.
func (d *distribution) cumulative(bounds []float64) []*dto.Bucket {
	cumulative := make([]*dto.Bucket, len(bounds), len(bounds)+1)
	sum := uint64(0)
	for i, bound := range bounds {
		if at := i - int(d.fixed.first); at >= 0 && at < len(d.fixed.counts) {
			sum += d.fixed.counts[at]
		}
		cumulative[i] = &dto.Bucket{UpperBound: new(bound), CumulativeCount: new(sum)}
	}
	return cumulative
}

func (n *newest) prometheus() *dto.Exemplar {
	if n.at == 0 {
		return nil
	}
	return &dto.Exemplar{
		Label: []*dto.LabelPair{
			{Name: new("span_id"), Value: new(n.span.String())}, {Name: new("trace_id"), Value: new(n.trace.String())},
		},
		Value: new(n.value), Timestamp: &timestamppb.Timestamp{Seconds: n.at / 1e9, Nanos: int32(n.at % 1e9)},
	}
}
