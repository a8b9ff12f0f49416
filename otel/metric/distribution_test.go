package metric_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"squarewatch/otel/metric"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// TestExponentialBucketBounds draws durations from wider and wider ranges and checks each bucket against the definition of the
// specification: bucket i counts values above 2^(i/2^scale) and up to 2^((i+1)/2^scale).
func TestExponentialBucketBounds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, spread := range []float64{0, 0.5, 3, 9, 11, 30, 60} {
		values := make([]float64, 0, 1000)
		for range cap(values) {
			values = append(values, math.Exp2(spread*(random.Float64()-0.5)))
		}
		values = append(values, 1, 2, 0.5) // exactly on a bound
		point := metric.ExportDistribution(values...)
		if want, got := uint64(len(values)), point.Count; want != got {
			t.Errorf("spread %v: want %d values, got %d", spread, want, got)
		}
		if length := len(point.PositiveBucket.Counts); length > 160 {
			t.Errorf("spread %v: want at most 160 buckets, got %d", spread, length)
		}
		for i, got := range point.PositiveBucket.Counts {
			lower := bound(point, i)
			upper := bound(point, i+1)
			var want uint64
			for _, v := range values {
				if v > lower && v <= upper {
					want++
				}
			}
			if want != got {
				t.Errorf("spread %v scale %d: want %d values in (%v, %v], got %d", spread, point.Scale, want, lower, upper, got)
			}
		}
	}
}

func bound(p metricdata.ExponentialHistogramDataPoint[float64], i int) float64 {
	return math.Exp2(math.Ldexp(float64(int(p.PositiveBucket.Offset)+i), -int(p.Scale)))
}

func TestNegativeDurationCountsAsZero(t *testing.T) {
	point := metric.ExportDistribution(0, -1, 0.25)
	if point.Count != 3 || point.ZeroCount != 2 || point.Sum != 0.25 {
		t.Errorf("want 3 values of which 2 are zero, and a sum of 0.25, got %d, %d, %v", point.Count, point.ZeroCount, point.Sum)
	}
	if low, _ := point.Min.Value(); low != 0 {
		t.Errorf("want a minimum of 0, got %v", low)
	}
}

// TestNativeHistograms reads the page as a Prometheus server that scrapes native histograms.
func TestNativeHistograms(t *testing.T) {
	f := newFixture()
	f.run(t.Context(), "a")
	f.run(t.Context(), "b")
	response := scrape(t, f.page(t), "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
	families := expfmt.NewDecoder(response.Body, expfmt.ResponseFormat(response.Header()))
	seen := 0
	for {
		var f dto.MetricFamily
		if err := families.Decode(&f); err != nil {
			break
		}
		if f.GetType() != dto.MetricType_HISTOGRAM {
			continue
		}
		for _, m := range f.GetMetric() {
			seen++
			checkNative(t, f.GetName(), m.GetHistogram())
		}
	}
	if seen == 0 {
		t.Error("want histograms, got none")
	}
}

func checkNative(t *testing.T, name string, h *dto.Histogram) {
	t.Helper()
	last := h.GetBucket()[len(h.GetBucket())-1]
	count, sum := int64(0), int64(h.GetZeroCount())
	for _, delta := range h.GetPositiveDelta() {
		count += delta
		sum += count
	}
	if uint64(sum) != h.GetSampleCount() || last.GetCumulativeCount() != h.GetSampleCount() {
		t.Errorf("%s: want %d values in both kinds of buckets, got %d native and %d classic",
			name, h.GetSampleCount(), sum, last.GetCumulativeCount())
	}
	// All values of the fixture lie within the span. Prometheus numbers buckets by their upper bound: bucket i ends at base^i.
	span := h.GetPositiveSpan()[0]
	low := math.Exp2(math.Ldexp(float64(span.GetOffset()-1), -int(h.GetSchema())))
	high := math.Exp2(math.Ldexp(float64(span.GetOffset()-1+int32(span.GetLength())), -int(h.GetSchema())))
	if mean := h.GetSampleSum() / float64(h.GetSampleCount()); mean <= low || mean > high {
		t.Errorf("%s: want the mean %v in the span (%v, %v]", name, mean, low, high)
	}
}
