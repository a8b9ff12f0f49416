package metric

import (
	"context"
	"math"
	"slices"
	"sync"
)

// Exponential buckets start at 8 a doubling, so each is 9 % wider than the one before. That is close to the factor of 1.1 that the
// Prometheus client recommends (https://pkg.go.dev/github.com/prometheus/client_golang/prometheus#HistogramOpts). When the values span
// more than 160 buckets, neighbours are merged. 160 is the default of the OpenTelemetry specification
// (https://opentelemetry.io/docs/specs/otel/metrics/sdk/#base2-exponential-bucket-histogram-aggregation).
const (
	maxScale   = 3
	maxBuckets = 160
)

// distribution is one series of a histogram. It counts each value in exponential buckets for OTLP and native histograms, and in fixed
// buckets for older Prometheus servers. Both kinds cover only the range of values seen, because the durations of one probe lie close
// together.
type distribution struct {
	mu          sync.Mutex
	start       startTime
	sum         float64
	min, max    float64
	zero        uint64  // number of values that are zero: they have no exponential bucket
	scale       int32   // there are 2^scale exponential buckets a doubling
	exponential buckets // bucket i counts values in (2^(i/2^scale), 2^((i+1)/2^scale)]
	fixed       buckets // bucket i counts values above bound i-1 and up to bound i
	exemplar    exemplar
}

// record counts a duration in seconds. A negative duration counts as zero: the clock was set back.
func (d *distribution) record(ctx context.Context, seconds float64, bounds []float64) {
	seconds = max(seconds, 0)
	fixed, _ := slices.BinarySearch(bounds, seconds)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fixed.total() == 0 {
		d.start = now()
		d.scale, d.min, d.max = maxScale, seconds, seconds
	}
	d.sum += seconds
	d.min, d.max = min(d.min, seconds), max(d.max, seconds)
	d.fixed.add(int32(fixed), 1)
	d.addExponentialLocked(seconds)
	d.exemplar.set(ctx, seconds)
}

func (d *distribution) addExponentialLocked(seconds float64) {
	if seconds == 0 {
		d.zero++
		return
	}
	index := exponentialIndex(seconds, d.scale)
	for d.exponential.spanWith(index) > maxBuckets {
		d.exponential.halve()
		d.scale--
		index >>= 1
	}
	d.exponential.add(index, 1)
}

// amongLongest implements [Histogram.AmongLongest].
func (d *distribution) amongLongest(seconds, share float64, minimum uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	count := d.fixed.total()
	if count < minimum || seconds <= 0 {
		return false
	}
	index := exponentialIndex(seconds, d.scale)
	var notShorter uint64
	for i := d.exponential.len() - 1; i >= 0 && d.exponential.first+int32(i) >= index; i-- {
		notShorter += d.exponential.at(d.exponential.first + int32(i))
	}
	return float64(notShorter) <= share*float64(count)
}

// exponentialIndex returns the index of the bucket of a value above zero.
func exponentialIndex(value float64, scale int32) int32 {
	return int32(math.Ceil(math.Ldexp(math.Log2(value), int(scale)))) - 1
}
