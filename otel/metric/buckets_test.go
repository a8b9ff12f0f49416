package metric

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestBucketsCountExactly compares buckets with a map, for counts beyond 32 bits too.
func TestBucketsCountExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b buckets
		want := map[int32]uint64{}
		for range rapid.IntRange(0, 60).Draw(t, "values") {
			index := rapid.Int32Range(-40, 40).Draw(t, "index")
			values := rapid.SampledFrom([]uint64{1, 7, math.MaxUint32, 5 << 32}).Draw(t, "count")
			b.add(index, values)
			want[index] += values
			if rapid.IntRange(0, 9).Draw(t, "halve") == 0 {
				b.halve()
				merged := map[int32]uint64{}
				for i, n := range want {
					merged[i>>1] += n
				}
				want = merged
			}
		}
		var total, listed uint64
		for index, n := range want {
			total += n
			if b.at(index) != n {
				t.Errorf("bucket %d: want %d, got %d", index, n, b.at(index))
			}
		}
		for _, n := range b.counts() {
			listed += n
		}
		if b.total() != total || listed != total {
			t.Errorf("want %d values, got %d, and %d in the list", total, b.total(), listed)
		}
	})
}

// TestRecordAllocatesNothing checks that a value in a bucket that exists costs no memory.
func TestRecordAllocatesNothing(t *testing.T) {
	var b buckets
	b.add(3, 1)
	if allocations := testing.AllocsPerRun(100, func() { b.add(3, 1) }); allocations != 0 || !slices.Equal(b.counts(), []uint64{102}) {
		t.Errorf("want no allocation and 102 values, got %v and %v", allocations, b.counts())
	}
}
