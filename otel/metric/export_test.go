package metric

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// ExportDistribution returns the data point of a series with the given values.
func ExportDistribution(values ...float64) metricdata.ExponentialHistogramDataPoint[float64] {
	d := &distribution{}
	for _, v := range values {
		d.record(context.Background(), v, []float64{0.005, 0.01, 0.1, 1, 10})
	}
	return d.dataPoint(nil, time.Time{}, time.Time{})
}
