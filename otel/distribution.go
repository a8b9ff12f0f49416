package otel

import (
	"context"
	"math"
	"slices"
	"sync"
)

// Exponential buckets begin at 8 a doubling: each is 9 % wider than the one before, close to the factor of 1.1 that the
// Prometheus client advises. They are halved in number whenever the values span more than 160 of them, which is the
// default of the OpenTelemetry specification of base-2 exponential histograms.
const (
	finestScale = 3
	bucketLimit = 160
)

// distribution is one series of a histogram. It holds its values twice, in exponential buckets and in fixed ones, as OTLP
// and older Prometheus servers want them. Both begin empty and cover only what was seen: a probe's durations lie close together.
type distribution struct {
	mu       sync.Mutex
	begun    begun
	sum      float64
	min, max float64
	zero     uint64  // values that are zero: they have no exponential bucket
	scale    int32   // 2^scale exponential buckets a doubling
	exact    buckets // bucket i holds values in (2^(i/2^scale), 2^((i+1)/2^scale)]
	fixed    buckets // bucket i holds values up to bound i, and above bound i-1
	newest   newest
}

// record counts a duration in seconds. One below zero counts as zero: a clock was set back.
func (d *distribution) record(ctx context.Context, seconds float64, bounds []float64) {
	seconds = max(seconds, 0)
	fixed, _ := slices.BinarySearch(bounds, seconds)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fixed.total() == 0 {
		d.begun = now()
		d.scale, d.min, d.max = finestScale, seconds, seconds
	}
	d.sum += seconds
	d.min, d.max = min(d.min, seconds), max(d.max, seconds)
	d.fixed.add(int32(fixed))
	d.count(seconds)
	d.newest.take(ctx, seconds)
}

func (d *distribution) count(seconds float64) {
	if seconds == 0 {
		d.zero++
		return
	}
	index := exponentialIndex(seconds, d.scale)
	for d.exact.spanWith(index) > bucketLimit {
		d.exact.halve()
		d.scale--
		index >>= 1
	}
	d.exact.add(index)
}

// exponentialIndex returns the bucket of a value above zero.
func exponentialIndex(value float64, scale int32) int32 {
	return int32(math.Ceil(math.Ldexp(math.Log2(value), int(scale)))) - 1
}

// buckets are counts of neighbouring buckets, from the first to the last that has ever counted.
type buckets struct {
	first  int32
	counts []uint64
}

func (b *buckets) total() (sum uint64) {
	for _, n := range b.counts {
		sum += n
	}
	return sum
}

// spanWith returns how many buckets there would be if the one at index were among them.
func (b *buckets) spanWith(index int32) int {
	if len(b.counts) == 0 {
		return 1
	}
	last := b.first + int32(len(b.counts)) - 1
	return int(max(last, index)) - int(min(b.first, index)) + 1
}

// add counts in the bucket at index, which becomes one of them.
func (b *buckets) add(index int32) {
	if len(b.counts) == 0 {
		b.first = index
	}
	if length := b.spanWith(index); length > len(b.counts) {
		grown := make([]uint64, length)
		copy(grown[max(b.first-index, 0):], b.counts)
		b.first, b.counts = min(b.first, index), grown
	}
	b.counts[index-b.first]++
}

// halve merges each two neighbours that become one at the next coarser scale.
func (b *buckets) halve() {
	if len(b.counts) == 0 {
		return
	}
	first := b.first >> 1
	last := (b.first + int32(len(b.counts)) - 1) >> 1
	merged := make([]uint64, last-first+1)
	for i, n := range b.counts {
		merged[(b.first+int32(i))>>1-first] += n
	}
	b.first, b.counts = first, merged
}
