package metric

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
func (c *Counter[K]) prometheus(start time.Time, send func(*Descriptor, *dto.Metric)) {
	for key, t := range c.series.all() {
		t.mu.Lock()
		counter := &dto.Counter{
			Value: new(float64(t.sum)), Exemplar: t.exemplar.prometheus(), CreatedTimestamp: timestamppb.New(t.start.or(start)),
		}
		t.mu.Unlock()
		send(&c.Descriptor, &dto.Metric{Label: labelPairs(c.attributes(key)), Counter: counter})
	}
}

func (c *counterFunc) prometheus(start time.Time, send func(*Descriptor, *dto.Metric)) {
	send(&c.Descriptor, &dto.Metric{Counter: &dto.Counter{Value: new(float64(c.total())), CreatedTimestamp: timestamppb.New(start)}})
}

// prometheus sends every series of the histogram. Each series has the fixed buckets, which every server reads. It also has the
// exponential buckets, which only the protobuf format carries, for servers that scrape native histograms.
func (h *Histogram[K]) prometheus(start time.Time, send func(*Descriptor, *dto.Metric)) {
	for key, d := range h.series.all() {
		send(&h.Descriptor, &dto.Metric{Label: labelPairs(h.attributes(key)), Histogram: d.prometheus(h.Bounds, start)})
	}
}

// prometheus sends all values of one gauge before those of the next, as the text formats require.
func (g *gauges) prometheus(_ time.Time, send func(*Descriptor, *dto.Metric)) {
	type reading struct {
		attributes []attribute.KeyValue
		value      float64
	}
	readings := map[*Descriptor][]reading{}
	g.read(func(d *Descriptor, value float64, attributes ...attribute.KeyValue) {
		readings[d] = append(readings[d], reading{attributes: attributes, value: value})
	})
	for _, d := range g.descriptors {
		for _, r := range readings[d] {
			send(d, &dto.Metric{Label: labelPairs(r.attributes), Gauge: &dto.Gauge{Value: new(r.value)}})
		}
	}
}

func labelPairs(attributes []attribute.KeyValue) []*dto.LabelPair {
	namer := otlptranslator.LabelNamer{}
	pairs := make([]*dto.LabelPair, 0, len(attributes))
	for _, a := range attributes {
		name, err := namer.Build(string(a.Key))
		if err != nil {
			continue // cannot happen with our constant keys: a golden file shows all of them
		}
		pairs = append(pairs, &dto.LabelPair{Name: new(name), Value: new(ValidUTF8(a.Value.String()))})
	}
	slices.SortFunc(pairs, byName)
	return pairs
}

// byName orders labels as the text formats show them.
func byName(a, b *dto.LabelPair) int { return cmp.Compare(a.GetName(), b.GetName()) }

// withoutBuckets turns a histogram into a summary without quantiles: its sum and its number of values. In the text formats, a histogram
// must have a bucket for +Inf (https://prometheus.io/docs/instrumenting/exposition_formats/#histograms-and-summaries).
func withoutBuckets(m *dto.Metric) {
	if h := m.GetHistogram(); h != nil {
		m.Histogram = nil
		m.Summary = &dto.Summary{SampleCount: h.SampleCount, SampleSum: h.SampleSum, CreatedTimestamp: h.CreatedTimestamp}
	}
}

func (d *distribution) prometheus(bounds []float64, start time.Time) *dto.Histogram {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := &dto.Histogram{
		SampleCount: new(d.fixed.total()), SampleSum: new(d.sum), CreatedTimestamp: timestamppb.New(d.start.or(start)),
		Schema: new(d.scale), ZeroThreshold: new(float64(prometheus.DefNativeHistogramZeroThreshold)), ZeroCount: new(d.zero),
		Bucket: d.cumulativeLocked(bounds),
	}
	if counts := d.exponential.counts(); len(counts) > 0 {
		// Prometheus numbers a bucket by its upper bound, OpenTelemetry by its lower bound.
		h.PositiveSpan = []*dto.BucketSpan{{
			Offset: new(d.exponential.first + 1), Length: new(uint32(len(counts))),
		}}
		before := int64(0)
		for _, n := range counts {
			h.PositiveDelta = append(h.PositiveDelta, int64(n)-before)
			before = int64(n)
		}
	}
	if e := d.exemplar.prometheus(); e != nil {
		h.Exemplars = []*dto.Exemplar{e}
		at, _ := slices.BinarySearch(bounds, e.GetValue())
		if at == len(bounds) {
			h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: new(math.Inf(1)), CumulativeCount: h.SampleCount})
		}
		h.Bucket[at].Exemplar = e
	}
	return h
}

// cumulativeLocked returns the fixed buckets except the last, whose bound is +Inf. The encoders add that one.
func (d *distribution) cumulativeLocked(bounds []float64) []*dto.Bucket {
	cumulative := make([]*dto.Bucket, len(bounds), len(bounds)+1)
	sum := uint64(0)
	for i, bound := range bounds {
		sum += d.fixed.at(int32(i))
		cumulative[i] = &dto.Bucket{UpperBound: new(bound), CumulativeCount: new(sum)}
	}
	return cumulative
}

func (e *exemplar) prometheus() *dto.Exemplar {
	if e.at == 0 {
		return nil
	}
	return &dto.Exemplar{
		Label: []*dto.LabelPair{
			{Name: new("span_id"), Value: new(e.span.String())}, {Name: new("trace_id"), Value: new(e.trace.String())},
		},
		Value: new(e.value), Timestamp: &timestamppb.Timestamp{Seconds: e.at / 1e9, Nanos: int32(e.at % 1e9)},
	}
}
