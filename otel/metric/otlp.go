package metric

import (
	"cmp"
	"context"
	"iter"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// seriesBatch is how many series one export request holds. A gRPC server refuses requests above 4 MB by default
// (https://pkg.go.dev/google.golang.org/grpc#MaxRecvMsgSize), and the series of 10,000 probes
// would take 200 MB of memory at once.
const seriesBatch = 500

// maxFailures is how many requests in a row may fail before an export gives up: the collector is down.
const maxFailures = 3

// Export sends all metrics with the given resource. It calls export for each batch of series. Export must not keep the data after it
// returns, because the next batch reuses its memory. A failed request does not stop the others, unless several in a row fail or ctx
// ends. Export returns the first error.
func (r *Registry) Export(
	ctx context.Context, res *resource.Resource, export func(context.Context, *metricdata.ResourceMetrics) error,
) error {
	now := time.Now()
	var first error
	failures := 0
	for _, s := range r.all() {
		err := s.otlp(r.startTime, now, func(d *Descriptor, data metricdata.Aggregation) error {
			r.addCommon(data)
			err := export(ctx, &metricdata.ResourceMetrics{Resource: res, ScopeMetrics: []metricdata.ScopeMetrics{{
				Scope: r.scope, Metrics: []metricdata.Metrics{{Name: d.Name, Unit: d.Unit, Description: d.Description, Data: data}},
			}}})
			if err == nil {
				failures = 0
				return nil
			}
			first = cmp.Or(first, err)
			if failures++; failures >= maxFailures || ctx.Err() != nil {
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

// addCommon adds the common attributes to the data points.
func (r *Registry) addCommon(data metricdata.Aggregation) {
	if len(r.common) == 0 {
		return
	}
	add := func(set *attribute.Set) { *set = attribute.NewSet(append(set.ToSlice(), r.common...)...) }
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		for i := range data.DataPoints {
			add(&data.DataPoints[i].Attributes)
		}
	case metricdata.Gauge[float64]:
		for i := range data.DataPoints {
			add(&data.DataPoints[i].Attributes)
		}
	case metricdata.ExponentialHistogram[float64]:
		for i := range data.DataPoints {
			add(&data.DataPoints[i].Attributes)
		}
	}
}

// otlp sends the counter as cumulative sums.
func (c *Counter[K]) otlp(start, now time.Time, send func(*Descriptor, metricdata.Aggregation) error) error {
	return inBatches(c.series.all(), func(key K, t *total) metricdata.DataPoint[int64] {
		t.mu.Lock()
		defer t.mu.Unlock()
		return metricdata.DataPoint[int64]{
			Attributes: attribute.NewSet(c.attributes(key)...), StartTime: t.start.or(start), Time: now, Value: t.sum,
			Exemplars: otlpExemplars[int64](t.exemplar),
		}
	}, func(points []metricdata.DataPoint[int64]) error {
		return send(&c.Descriptor, cumulativeSum(points))
	})
}

// otlp sends the counter as one cumulative sum since the start of the process.
func (c *counterFunc) otlp(start, now time.Time, send func(*Descriptor, metricdata.Aggregation) error) error {
	return send(&c.Descriptor, cumulativeSum([]metricdata.DataPoint[int64]{{StartTime: start, Time: now, Value: c.total()}}))
}

func cumulativeSum(points []metricdata.DataPoint[int64]) metricdata.Sum[int64] {
	return metricdata.Sum[int64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
}

// otlp sends the histogram as cumulative exponential histograms.
func (h *Histogram[K]) otlp(start, now time.Time, send func(*Descriptor, metricdata.Aggregation) error) error {
	return inBatches(h.series.all(), func(key K, d *distribution) metricdata.ExponentialHistogramDataPoint[float64] {
		return d.dataPoint(h.attributes(key), start, now)
	}, func(points []metricdata.ExponentialHistogramDataPoint[float64]) error {
		return send(&h.Descriptor, metricdata.ExponentialHistogram[float64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality})
	})
}

// inBatches converts each series to a data point and sends the points in batches of at most seriesBatch. Each batch reuses the memory
// of the one before.
func inBatches[K comparable, V, P any](all iter.Seq2[K, *V], point func(K, *V) P, send func([]P) error) error {
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

// otlp sends the gauges in batches of at most seriesBatch. Each batch of a gauge reuses the memory of the one before.
func (g *gauges) otlp(_, now time.Time, send func(*Descriptor, metricdata.Aggregation) error) error {
	pending := map[*Descriptor][]metricdata.DataPoint[float64]{}
	var failure error
	flush := func(d *Descriptor) {
		if failure == nil {
			failure = send(d, metricdata.Gauge[float64]{DataPoints: pending[d]})
		}
		pending[d] = pending[d][:0]
	}
	g.read(func(d *Descriptor, value float64, attributes ...attribute.KeyValue) {
		pending[d] = append(pending[d], metricdata.DataPoint[float64]{Attributes: attribute.NewSet(attributes...), Time: now, Value: value})
		if len(pending[d]) == seriesBatch {
			flush(d)
		}
	})
	for _, d := range g.descriptors {
		if len(pending[d]) > 0 {
			flush(d)
		}
	}
	return failure
}

func (d *distribution) dataPoint(
	attributes []attribute.KeyValue, start, now time.Time,
) metricdata.ExponentialHistogramDataPoint[float64] {
	d.mu.Lock()
	defer d.mu.Unlock()
	return metricdata.ExponentialHistogramDataPoint[float64]{
		Attributes: attribute.NewSet(attributes...), StartTime: d.start.or(start), Time: now,
		Count: d.fixed.total(), Sum: d.sum, Min: metricdata.NewExtrema(d.min), Max: metricdata.NewExtrema(d.max),
		Scale: d.scale, ZeroCount: d.zero,
		PositiveBucket: metricdata.ExponentialBucket{Offset: d.exponential.first, Counts: d.exponential.counts()},
		Exemplars:      otlpExemplars[float64](d.exemplar),
	}
}

func otlpExemplars[N int64 | float64](e exemplar) []metricdata.Exemplar[N] {
	if e.at == 0 {
		return nil
	}
	return []metricdata.Exemplar[N]{{Time: time.Unix(0, e.at), Value: N(e.value), SpanID: e.span[:], TraceID: e.trace[:]}}
}
