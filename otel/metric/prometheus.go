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

// exposition is a page that is being written.
type exposition struct {
	start  time.Time                      // of the registry
	native bool                           // the format carries native histograms
	names  map[attribute.Key]*string      // of the labels that were written
	send   func(*Descriptor, *dto.Metric) // writes a series
}

// labels returns the attributes of a series as labels, sorted by their names. It allocates all labels of a series at once: a page of 10,000
// probes has half a million of them.
func (e *exposition) labels(attributes []attribute.KeyValue) []*dto.LabelPair {
	type label struct {
		pair  dto.LabelPair
		value string
	}
	labels, pairs := make([]label, len(attributes)), make([]*dto.LabelPair, 0, len(attributes))
	for i, a := range attributes {
		l := &labels[i]
		if l.pair.Name = e.name(a.Key); l.pair.Name == nil {
			continue // cannot happen with our constant keys: a golden file shows all of them
		}
		l.value = ValidUTF8(a.Value.String())
		l.pair.Value = &l.value
		pairs = append(pairs, &l.pair)
	}
	slices.SortFunc(pairs, byName)
	return pairs
}

// name returns the name of the label for an attribute; nil when the key cannot be translated.
func (e *exposition) name(key attribute.Key) *string {
	if name, ok := e.names[key]; ok {
		return name
	}
	var name *string
	if text, err := (&otlptranslator.LabelNamer{}).Build(string(key)); err == nil {
		name = &text
	}
	e.names[key] = name
	return name
}

// prometheus sends every series of the counter.
func (c *Counter[K]) prometheus(e *exposition) {
	for key, t := range c.series.all() {
		t.mu.Lock()
		counter := &dto.Counter{
			Value: new(float64(t.sum)), Exemplar: t.exemplar.prometheus(), CreatedTimestamp: timestamppb.New(t.start.or(e.start)),
		}
		t.mu.Unlock()
		e.send(&c.Descriptor, &dto.Metric{Label: e.labels(c.attributes(key)), Counter: counter})
	}
}

func (c *counterFunc) prometheus(e *exposition) {
	e.send(&c.Descriptor, &dto.Metric{Counter: &dto.Counter{Value: new(float64(c.total())), CreatedTimestamp: timestamppb.New(e.start)}})
}

// prometheus sends every series of the histogram. Each series has the fixed buckets, which every server reads. It also has the
// exponential buckets, which only the protobuf format carries, for servers that scrape native histograms.
func (h *Histogram[K]) prometheus(e *exposition) {
	for key, d := range h.series.all() {
		e.send(&h.Descriptor, &dto.Metric{Label: e.labels(h.attributes(key)), Histogram: d.prometheus(h.Bounds, e)})
	}
}

// prometheus sends all values of one gauge before those of the next, as the text formats require.
func (g *gauges) prometheus(e *exposition) {
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
			e.send(d, &dto.Metric{Label: e.labels(r.attributes), Gauge: &dto.Gauge{Value: new(r.value)}})
		}
	}
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

func (d *distribution) prometheus(bounds []float64, page *exposition) *dto.Histogram {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := &dto.Histogram{
		SampleCount: new(d.fixed.total()), SampleSum: new(d.sum), CreatedTimestamp: timestamppb.New(d.start.or(page.start)),
		Bucket: d.cumulativeLocked(bounds),
	}
	if page.native {
		d.addNativeLocked(h)
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

// addNativeLocked adds the exponential buckets.
func (d *distribution) addNativeLocked(h *dto.Histogram) {
	h.Schema, h.ZeroThreshold, h.ZeroCount = new(d.scale), new(float64(prometheus.DefNativeHistogramZeroThreshold)), new(d.zero)
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
}

// cumulativeLocked returns the fixed buckets except the last, whose bound is +Inf. The encoders add that one.
func (d *distribution) cumulativeLocked(bounds []float64) []*dto.Bucket {
	type bucket struct {
		bucket dto.Bucket
		sum    uint64
	}
	buckets, cumulative := make([]bucket, len(bounds)), make([]*dto.Bucket, len(bounds), len(bounds)+1) // +1 for an exemplar above all
	sum := uint64(0)
	for i := range bounds {
		sum += d.fixed.at(int32(i))
		b := &buckets[i]
		b.sum = sum
		b.bucket.UpperBound, b.bucket.CumulativeCount = &bounds[i], &b.sum
		cumulative[i] = &b.bucket
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
