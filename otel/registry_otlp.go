package otel

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// otlp hands out the histogram as an exponential one, cumulative since start, in parts of at most seriesBatch series. A
// part may be used only until send returns: the next takes its memory.
func (h *histogram[K]) otlp(start, now time.Time, send func(*about, metricdata.Aggregation) error) error {
	var points []metricdata.ExponentialHistogramDataPoint[float64]
	part := func() error {
		defer func() { points = points[:0] }()
		return send(&h.about, metricdata.ExponentialHistogram[float64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality})
	}
	for key, d := range h.all() {
		points = append(points, d.exponential(h.attributes(key), start, now))
		if len(points) < seriesBatch {
			continue
		}
		if err := part(); err != nil {
			return err
		}
	}
	if len(points) == 0 {
		return nil
	}
	return part()
}

// otlp hands out the gauges in parts of at most seriesBatch series, which may be used only until send returns.
func (g *gauges) otlp(_, now time.Time, send func(*about, metricdata.Aggregation) error) error {
	waiting := map[*about][]metricdata.DataPoint[float64]{}
	var failure error
	part := func(a *about) {
		if failure == nil {
			failure = send(a, metricdata.Gauge[float64]{DataPoints: waiting[a]})
		}
		waiting[a] = waiting[a][:0]
	}
	g.read(func(a *about, value float64, attributes ...attribute.KeyValue) {
		waiting[a] = append(waiting[a], metricdata.DataPoint[float64]{Attributes: attribute.NewSet(attributes...), Time: now, Value: value})
		if len(waiting[a]) == seriesBatch {
			part(a)
		}
	})
	for _, a := range []*about{&g.up, &g.expiry, &g.token, &g.rate, &g.threshold, &g.firing, &g.pending, &g.oldest} {
		if len(waiting[a]) > 0 {
			part(a)
		}
	}
	return failure
}

// send exports everything in many small requests, and ends at the first that fails.
func (r *registry) send(ctx context.Context, described *resource.Resource, export func(context.Context, *metricdata.ResourceMetrics) error) error {
	now := time.Now()
	scope := instrumentation.Scope{Name: scopeName, Version: r.version, SchemaURL: semconv.SchemaURL}
	for _, s := range r.sources {
		err := s.otlp(r.start, now, func(a *about, data metricdata.Aggregation) error {
			return export(ctx, &metricdata.ResourceMetrics{Resource: described, ScopeMetrics: []metricdata.ScopeMetrics{{
				Scope: scope, Metrics: []metricdata.Metrics{{Name: a.name, Unit: a.unit, Description: a.description, Data: data}},
			}}})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *distribution) exponential(attributes []attribute.KeyValue, start, now time.Time) metricdata.ExponentialHistogramDataPoint[float64] {
	d.mu.Lock()
	defer d.mu.Unlock()
	point := metricdata.ExponentialHistogramDataPoint[float64]{
		Attributes: attribute.NewSet(attributes...), StartTime: start, Time: now,
		Count: d.fixed.total(), Sum: d.sum, Min: metricdata.NewExtrema(d.min), Max: metricdata.NewExtrema(d.max),
		Scale: d.scale, ZeroCount: d.zero,
		PositiveBucket: metricdata.ExponentialBucket{Offset: d.exact.first, Counts: slices.Clone(d.exact.counts)},
	}
	if n := d.newest; n.at != 0 {
		point.Exemplars = []metricdata.Exemplar[float64]{{
			Time: time.Unix(0, n.at), Value: n.value, SpanID: n.span[:], TraceID: n.trace[:], // of the copy
		}}
	}
	return point
}
