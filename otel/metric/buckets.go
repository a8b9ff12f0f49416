package metric

// buckets holds the counts of neighbouring buckets, from the lowest to the highest that has counted a value. Thousands of probes have
// several histograms each, and few counts ever need more than 32 bits.
type buckets struct {
	first int32            // index of the lowest bucket
	low   []uint32         // the lower 32 bits of each count
	high  map[int32]uint64 // the upper 32 bits, by the index of the bucket, where they are not 0
}

// len returns the number of buckets.
func (b *buckets) len() int { return len(b.low) }

// at returns the count of the bucket at index; 0 when there is none.
func (b *buckets) at(index int32) uint64 {
	place := int(index - b.first)
	if place < 0 || place >= len(b.low) {
		return 0
	}
	return b.high[index]<<32 | uint64(b.low[place])
}

// counts returns the counts of all buckets.
func (b *buckets) counts() []uint64 {
	list := make([]uint64, len(b.low))
	for i := range list {
		list[i] = b.at(b.first + int32(i))
	}
	return list
}

// total returns the number of values in all buckets.
func (b *buckets) total() (sum uint64) {
	for i, n := range b.low {
		sum += uint64(n) + b.high[b.first+int32(i)]<<32
	}
	return sum
}

// spanWith returns how many buckets there would be if the range included index.
func (b *buckets) spanWith(index int32) int {
	if len(b.low) == 0 {
		return 1
	}
	last := b.first + int32(len(b.low)) - 1
	return int(max(last, index)) - int(min(b.first, index)) + 1
}

// add counts values in the bucket at index. It extends the range to index if needed.
func (b *buckets) add(index int32, values uint64) {
	if len(b.low) == 0 {
		b.first = index
	}
	if length := b.spanWith(index); length > len(b.low) {
		extended := make([]uint32, length)
		copy(extended[max(b.first-index, 0):], b.low)
		b.first, b.low = min(b.first, index), extended
	}
	sum := b.at(index) + values
	b.low[index-b.first] = uint32(sum)
	if sum>>32 == 0 {
		return
	}
	if b.high == nil {
		b.high = map[int32]uint64{}
	}
	b.high[index] = sum >> 32
}

// halve lowers the scale by one: it merges each pair of buckets that is one bucket at the lower scale.
func (b *buckets) halve() {
	merged := buckets{}
	for i := range b.low {
		index := b.first + int32(i)
		merged.add(index>>1, b.at(index))
	}
	*b = merged
}
