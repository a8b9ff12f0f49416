package collector

import (
	"context"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// metricsInParts sends metrics in parts that the collector accepts.
type metricsInParts struct{ sdkmetric.Exporter }

// Export sends metrics.
func (e metricsInParts) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	return parts[*metricdata.ResourceMetrics]{
		send:  func(part *metricdata.ResourceMetrics) error { return e.Exporter.Export(ctx, part) },
		halve: halveMetrics,
		count: countPoints,
	}.export(all)
}

// halveMetrics divides metrics between scopes, or within a scope, or the data points of a metric.
func halveMetrics(all *metricdata.ResourceMetrics) (first, second *metricdata.ResourceMetrics, ok bool) {
	with := func(scopes []metricdata.ScopeMetrics) *metricdata.ResourceMetrics {
		return &metricdata.ResourceMetrics{Resource: all.Resource, ScopeMetrics: scopes}
	}
	if a, b, ok := halves(all.ScopeMetrics); ok || len(all.ScopeMetrics) == 0 {
		return with(a), with(b), ok
	}
	scope := all.ScopeMetrics[0]
	within := func(metrics ...metricdata.Metrics) *metricdata.ResourceMetrics {
		return with([]metricdata.ScopeMetrics{{Scope: scope.Scope, Metrics: metrics}})
	}
	if a, b, ok := halves(scope.Metrics); ok || len(scope.Metrics) == 0 {
		return within(a...), within(b...), ok
	}
	a, b := scope.Metrics[0], scope.Metrics[0]
	a.Data, b.Data, ok = halvePoints(a.Data)
	return within(a), within(b), ok
}

// halvePoints divides the data points of a metric.
func halvePoints(all metricdata.Aggregation) (first, second metricdata.Aggregation, ok bool) {
	switch data := all.(type) {
	case metricdata.Gauge[int64]:
		return halved(data, func(d *metricdata.Gauge[int64]) *[]metricdata.DataPoint[int64] { return &d.DataPoints })
	case metricdata.Gauge[float64]:
		return halved(data, func(d *metricdata.Gauge[float64]) *[]metricdata.DataPoint[float64] { return &d.DataPoints })
	case metricdata.Sum[int64]:
		return halved(data, func(d *metricdata.Sum[int64]) *[]metricdata.DataPoint[int64] { return &d.DataPoints })
	case metricdata.Sum[float64]:
		return halved(data, func(d *metricdata.Sum[float64]) *[]metricdata.DataPoint[float64] { return &d.DataPoints })
	case metricdata.Histogram[float64]:
		return halved(data, func(d *metricdata.Histogram[float64]) *[]metricdata.HistogramDataPoint[float64] { return &d.DataPoints })
	case metricdata.ExponentialHistogram[float64]:
		return halved(data, func(d *metricdata.ExponentialHistogram[float64]) *[]metricdata.ExponentialHistogramDataPoint[float64] {
			return &d.DataPoints
		})
	}
	return all, nil, false // squarewatch has none of another kind
}

// halved returns two copies of data, each with half of its points.
func halved[D metricdata.Aggregation, P any](data D, points func(*D) *[]P) (first, second metricdata.Aggregation, ok bool) {
	a, b := data, data
	*points(&a), *points(&b), ok = halves(*points(&data))
	return a, b, ok
}

// countPoints returns the number of data points.
func countPoints(all *metricdata.ResourceMetrics) (n int64) {
	for i := range all.ScopeMetrics {
		for _, m := range all.ScopeMetrics[i].Metrics {
			n += pointsOf(m.Data)
		}
	}
	return n
}

// pointsOf returns the number of data points of a metric.
func pointsOf(all metricdata.Aggregation) int64 {
	switch data := all.(type) {
	case metricdata.Gauge[int64]:
		return int64(len(data.DataPoints))
	case metricdata.Gauge[float64]:
		return int64(len(data.DataPoints))
	case metricdata.Sum[int64]:
		return int64(len(data.DataPoints))
	case metricdata.Sum[float64]:
		return int64(len(data.DataPoints))
	case metricdata.Histogram[float64]:
		return int64(len(data.DataPoints))
	case metricdata.ExponentialHistogram[float64]:
		return int64(len(data.DataPoints))
	}
	return 1
}
