package alert

import "math"

// ring counts runs in each bucket of a window. There are many rings, one for each probe of a rule, and most have only a few runs in a
// bucket. So the counts have eight bits until one of them needs more.
type ring struct {
	narrow [buckets]uint8
	wide   *[buckets]int32 // used instead of narrow when it is not nil
}

// at returns the count of a bucket.
func (r *ring) at(slot int64) int32 {
	if r.wide != nil {
		return r.wide[slot]
	}
	return int32(r.narrow[slot])
}

// add adds runs to the count of a bucket.
func (r *ring) add(slot int64, runs int32) {
	sum := r.at(slot) + runs
	if r.wide == nil && sum > math.MaxUint8 {
		r.widen()
	}
	r.set(slot, sum)
}

// clear sets the count of a bucket to 0 and returns what it was.
func (r *ring) clear(slot int64) int32 {
	was := r.at(slot)
	r.set(slot, 0)
	return was
}

// set sets the count of a bucket, which fits.
func (r *ring) set(slot int64, runs int32) {
	if r.wide != nil {
		r.wide[slot] = runs
		return
	}
	r.narrow[slot] = uint8(runs)
}

// widen changes to counts of 32 bits.
func (r *ring) widen() {
	r.wide = new([buckets]int32)
	for i, runs := range r.narrow {
		r.wide[i] = int32(runs)
	}
}
