package metric

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// seriesBatch is how many series leave in one request. Collectors refuse more than 4 MiB over gRPC, and what 10,000 probes
// have would take 200 MB of memory at once.
const seriesBatch = 500

// otlp hands out the counter as a sum, cumulative since each series began.
func (c *Counter[K]) otlp(start, now time.Time, send func(*Descriptor, metricdata.Aggregation) error) error {
	return inParts(c.series.all(), func(key K, t *total) metricdata.DataPoint[int64] {
		t.mu.Lock()
		defer t.mu.Unlock()
		return metricdata.DataPoint[int64]{
			Attributes: attribute.NewSet(c.attributes(key)...), StartTime: t.begun.or(start), Time: now, Value: t.sum,
			Exemplars: otlpExemplars[int64](t.newest),
		}
	}, func(points []metricdata.DataPoint[int64]) error {
		return send(&c.Descriptor, metricdata.Sum[int64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality, IsMonotonic: true})
	})
}

func (c *counterFunc) otlp(start, now time.Time, send func(*Descriptor, metricdata.Aggregation) error) error {
	return send(&c.Descriptor, metricdata.Sum[int64]{
		Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
		DataPoints: []metricdata.DataPoint[int64]{{StartTime: start, Time: now, Value: c.total()}},
	})
}

// otlp hands out the histogram as an exponential one, cumulative too.
func (h *Histogram[K]) otlp(start, now time.Time, send func(*Descriptor, metricdata.Aggregation) error) error {
	return inParts(h.series.all(), func(key K, d *distribution) metricdata.ExponentialHistogramDataPoint[float64] {
		return d.dataPoint(h.attributes(key), start, now)
	}, func(points []metricdata.ExponentialHistogramDataPoint[float64]) error {
		return send(&h.Descriptor, metricdata.ExponentialHistogram[float64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality})
	})
}

// inParts makes a point of each series and sends them in parts of at most seriesBatch. A part may be used only until send
// returns: the next takes its memory.
func inParts[K comparable, V, P any](all iter.Seq2[K, *V], point func(K, *V) P, send func([]P) error) error {
	var points []P
	for key, value := range all {
		points = append(points, point(key, value))
		if len(points) < seriesBatch {
			continue
		}
		if err := send(points); err != nil {
			return err
		}
		points = points[:0]
	}
	if len(points) == 0 {
		return nil
	}
	return send(points)
}

// otlp hands out the gauges in parts of at most seriesBatch series, which may be used only until send returns.
func (g *gauges) otlp(_, now time.Time, send func(*Descriptor, metricdata.Aggregation) error) error {
	waiting := map[*Descriptor][]metricdata.DataPoint[float64]{}
	var failure error
	part := func(a *Descriptor) {
		if failure == nil {
			failure = send(a, metricdata.Gauge[float64]{DataPoints: waiting[a]})
		}
		waiting[a] = waiting[a][:0]
	}
	g.read(func(a *Descriptor, value float64, attributes ...attribute.KeyValue) {
		waiting[a] = append(waiting[a], metricdata.DataPoint[float64]{Attributes: attribute.NewSet(attributes...), Time: now, Value: value})
		if len(waiting[a]) == seriesBatch {
			part(a)
		}
	})
	for _, a := range g.descriptors {
		if len(waiting[a]) > 0 {
			part(a)
		}
	}
	return failure
}

// patience is how many requests in a row may fail before the rest is left to the next export: the collector is away.
const patience = 3

// Export exports everything in many small requests. One that is refused costs no other; the first failure is returned.
func (r *Registry) Export(ctx context.Context, described *resource.Resource, export func(context.Context, *metricdata.ResourceMetrics) error) error {
	now := time.Now()
	var first error
	inARow := 0
	for _, s := range r.all() {
		err := s.otlp(r.start, now, func(a *Descriptor, data metricdata.Aggregation) error {
			err := export(ctx, &metricdata.ResourceMetrics{Resource: described, ScopeMetrics: []metricdata.ScopeMetrics{{
				Scope: r.scope, Metrics: []metricdata.Metrics{{Name: a.Name, Unit: a.Unit, Description: a.Description, Data: data}},
			}}})
			if err == nil {
				inARow = 0
				return nil
			}
			first = cmp.Or(first, err)
			if inARow++; inARow >= patience || ctx.Err() != nil {
				return first
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return first
}

func (d *distribution) dataPoint(attributes []attribute.KeyValue, start, now time.Time) metricdata.ExponentialHistogramDataPoint[float64] {
	d.mu.Lock()
	defer d.mu.Unlock()
	return metricdata.ExponentialHistogramDataPoint[float64]{
		Attributes: attribute.NewSet(attributes...), StartTime: d.begun.or(start), Time: now,
		Count: d.fixed.total(), Sum: d.sum, Min: metricdata.NewExtrema(d.min), Max: metricdata.NewExtrema(d.max),
		Scale: d.scale, ZeroCount: d.zero,
		PositiveBucket: metricdata.ExponentialBucket{Offset: d.exact.first, Counts: slices.Clone(d.exact.counts)},
		Exemplars:      otlpExemplars[float64](d.newest),
	}
}

func otlpExemplars[N int64 | float64](n newest) []metricdata.Exemplar[N] {
	if n.at == 0 {
		return nil
	}
	return []metricdata.Exemplar[N]{{Time: time.Unix(0, n.at), Value: N(n.value), SpanID: n.span[:], TraceID: n.trace[:]}}
}
