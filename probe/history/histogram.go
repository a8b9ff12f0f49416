package history

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
	"time"
)

const (
	// perDoubling is the number of buckets from a latency to its double. A percentile of a histogram is off by 4.4 % at most: a bucket is
	// 2^(1/8), or 9.1 %, wide, and its middle stands for all of it.
	perDoubling = 8
	// maxBucket is the highest bucket: 2^52 microseconds, or 142 years. A time.Duration can hold twice as much.
	maxBucket = 52 * perDoubling
	// maxCount limits the runs of a stored histogram, so that no sum of them overflows.
	maxCount = 1 << 40
)

// histogram counts runs by the bucket of their latency: bucket i is for more than 2^((i-1)/8) and at most 2^(i/8) microseconds. Histograms
// can be added up without loss. It is the exponential histogram of OpenTelemetry with scale 3:
// https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram.
type histogram map[int]int64

// bucketOf returns the bucket of a latency in microseconds. Bucket 0 is also for less than a microsecond.
func bucketOf(latency int64) int {
	if latency <= 1 {
		return 0
	}
	return min(int(math.Ceil(math.Log2(float64(latency))*perDoubling)), maxBucket)
}

// middle returns the latency that represents a bucket. It differs from both ends by the same percentage.
func middle(bucket int) time.Duration {
	const width = 1.0905077326652577 // 2^(1/8)
	upper := math.Exp2(float64(bucket) / perDoubling)
	return micros(int64(math.Round(2 * upper / (width + 1))))
}

// runs returns how many runs are counted.
func (h histogram) runs() (n int64) {
	for _, count := range h {
		n += count
	}
	return n
}

// add adds the counts of another histogram.
func (h histogram) add(other histogram) {
	for bucket, count := range other {
		h[bucket] += count
	}
}

// percentile returns a percentile, which is off by 4.4 % at most; 0 without runs.
func (h histogram) percentile(hundredths int64) time.Duration {
	rank, below := (h.runs()*hundredths+99)/100, int64(0)
	for _, bucket := range slices.Sorted(maps.Keys(h)) {
		if below += h[bucket]; below >= rank {
			return middle(bucket)
		}
	}
	return 0
}

// appendTo appends the histogram in its stored form, as unsigned varints: the first bucket, and the counts from it on. A count of 0 is
// followed by the number of further empty buckets.
func (h histogram) appendTo(b []byte) []byte {
	last := -1
	for _, bucket := range slices.Sorted(maps.Keys(h)) {
		switch gap := bucket - last - 1; {
		case last < 0:
			b = binary.AppendUvarint(b, uint64(bucket))
		case gap > 0:
			b = append(b, 0)
			b = binary.AppendUvarint(b, uint64(gap-1))
		}
		b = binary.AppendUvarint(b, uint64(h[bucket]))
		last = bucket
	}
	return b
}

// errSummary is the error for a stored summary that cannot be read.
var errSummary = errors.New("a summary of latencies is damaged")

// readHistogram reads what appendTo wrote.
func readHistogram(b []byte) (histogram, error) {
	h := histogram{}
	if len(b) == 0 {
		return h, nil
	}
	bucket, b, err := number(b, maxBucket)
	for ; err == nil && len(b) > 0; bucket++ {
		var count int64
		if count, b, err = number(b, maxCount); err != nil {
			break
		}
		if count == 0 {
			var more int64
			more, b, err = number(b, maxBucket)
			bucket += more
			continue
		}
		if bucket > maxBucket {
			return nil, errSummary
		}
		h[int(bucket)] = count
	}
	if err != nil || h.runs() > maxCount {
		return nil, errSummary
	}
	return h, nil
}

// number reads an unsigned varint that is at most limit, and returns what follows it.
func number(b []byte, limit int64) (n int64, rest []byte, err error) {
	value, length := binary.Uvarint(b)
	if length <= 0 || value > uint64(limit) {
		return 0, nil, errSummary
	}
	return int64(value), b[length:], nil
}
