package otel

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

var _ sdkmetric.Producer = (*histograms)(nil)

// Produce returns all histograms as exponential ones, cumulative since the start. It never fails.
func (h *histograms) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	now := time.Now()
	scope := metricdata.ScopeMetrics{
		Scope: instrumentation.Scope{Name: scopeName, Version: h.version, SchemaURL: semconv.SchemaURL},
	}
	for _, f := range h.families {
		data := metricdata.ExponentialHistogram[float64]{Temporality: metricdata.CumulativeTemporality}
		f.each(func(attributes []attribute.KeyValue, d *distribution) {
			data.DataPoints = append(data.DataPoints, d.exponential(attributes, h.start, now))
		})
		if len(data.DataPoints) == 0 {
			continue
		}
		a := f.described()
		scope.Metrics = append(scope.Metrics, metricdata.Metrics{Name: a.name, Unit: a.unit, Description: a.description, Data: data})
	}
	if len(scope.Metrics) == 0 {
		return nil, nil
	}
	return []metricdata.ScopeMetrics{scope}, nil
}

func (d *distribution) exponential(attributes []attribute.KeyValue, start, now time.Time) metricdata.ExponentialHistogramDataPoint[float64] {
	point := metricdata.ExponentialHistogramDataPoint[float64]{
		Attributes: attribute.NewSet(attributes...), StartTime: start, Time: now,
		Count: d.fixed.total(), Sum: d.sum, Min: metricdata.NewExtrema(d.min), Max: metricdata.NewExtrema(d.max),
		Scale: d.scale, ZeroCount: d.zero,
		PositiveBucket: metricdata.ExponentialBucket{Offset: d.exact.first, Counts: slices.Clone(d.exact.counts)},
	}
	if n := d.newest; n.at != 0 {
		point.Exemplars = []metricdata.Exemplar[float64]{{
			Time: time.Unix(0, n.at), Value: n.value, SpanID: n.span[:], TraceID: n.trace[:],
		}}
	}
	return point
}
