package alert

import (
	"cmp"
	"slices"
	"time"

	"squarewatch/probe"
)

const (
	// buckets is the number of parts of a window: a run counts for at least 59/60 of the window, and never longer than the window.
	buckets = 60
	// maxKinds is how many kinds of bad run (class and code) one window distinguishes.
	maxKinds = 8
)

// window counts the runs of the recent past in a ring of buckets, so that a run costs the same for any length and rate. The counts by
// kind are allocated with the first bad run, since most series never have one.
type window struct {
	width  time.Duration // of a bucket
	head   int64         // number of the newest bucket, counted in widths since 1970
	oldest int64         // earlier buckets are empty
	total  count
	ring   [buckets]count // bucket n is at slot(n)
	shift  int64          // added to a bucket's number to find its slot; changes when the clock is set back
	mix    *mix
}

// count is a number of runs, and how many of them are bad.
type count struct{ runs, bad int32 }

// mix counts the bad runs in a window by kind. When every place is used, further kinds are not listed.
type mix struct {
	kinds [maxKinds]ClassCount // Runs is the total in the window
	ring  [buckets][maxKinds]int32
}

// newWindow returns an empty window.
func newWindow(length time.Duration) window { return window{width: max(length/buckets, 1)} }

// number returns the number of the bucket of a time.
func (w *window) number(t time.Time) int64 { return t.UnixNano() / int64(w.width) }

// slot returns the index of a bucket in the ring.
func (w *window) slot(number int64) int64 { return ((number+w.shift)%buckets + buckets) % buckets }

// advance moves the end of the window to now. If now lies before its end, the clock was set back, and the counts keep their age.
func (w *window) advance(now time.Time) {
	number := w.number(now)
	if number < w.head {
		back := w.head - number
		w.head, w.oldest, w.shift = number, w.oldest-back, w.shift+back
	}
	first := max(w.head+1, number-buckets+1)
	w.head = number
	if w.total.runs == 0 {
		w.oldest = number
		return
	}
	for n := first; n <= number; n++ {
		w.clear(w.slot(n))
	}
	for w.oldest < number && w.outdated(w.oldest) {
		w.oldest = max(w.oldest+1, number-buckets+1)
	}
}

// outdated reports whether a bucket has left the window or is empty.
func (w *window) outdated(number int64) bool {
	return number <= w.head-buckets || w.ring[w.slot(number)].runs == 0
}

// clear empties a bucket.
func (w *window) clear(slot int64) {
	gone := w.ring[slot]
	if gone.runs == 0 {
		return
	}
	w.ring[slot] = count{}
	w.total.runs -= gone.runs
	w.total.bad -= gone.bad
	if gone.bad == 0 {
		return
	}
	for i, runs := range w.mix.ring[slot] {
		w.mix.kinds[i].Runs -= int(runs)
	}
	w.mix.ring[slot] = [maxKinds]int32{}
}

// add counts a run that ended at end, which is not after the last advance. A run that is older than the window is not counted.
func (w *window) add(end time.Time, o probe.Outcome, bad bool) {
	number := w.number(end)
	if number <= w.head-buckets {
		return
	}
	number = min(number, w.head)
	w.oldest = min(w.oldest, number)
	slot := w.slot(number)
	w.ring[slot].runs++
	w.total.runs++
	if !bad {
		return
	}
	w.ring[slot].bad++
	w.total.bad++
	if w.mix == nil {
		w.mix = new(mix)
	}
	w.mix.add(slot, o)
}

// add counts a bad run under its kind. A new kind replaces one that has left the window.
func (m *mix) add(slot int64, o probe.Outcome) {
	free := -1
	for i := range m.kinds {
		if m.kinds[i].Runs > 0 && m.kinds[i].Class == o.Class && m.kinds[i].Code == o.Code {
			m.kinds[i].Runs++
			m.ring[slot][i]++
			return
		}
		if m.kinds[i].Runs == 0 {
			free = i
		}
	}
	if free < 0 {
		return
	}
	m.kinds[free] = ClassCount{Class: o.Class, Code: o.Code, Runs: 1}
	m.ring[slot][free] = 1
}

// leaves returns when the oldest bucket that is not empty leaves the window.
func (w *window) leaves() time.Time {
	return time.Unix(0, (w.oldest+buckets)*int64(w.width))
}

// at returns the counts of a window that ends at now, without moving it.
func (w *window) at(now time.Time) count {
	var sum count
	w.each(now, func(slot int64) {
		sum.runs += w.ring[slot].runs
		sum.bad += w.ring[slot].bad
	})
	return sum
}

// classes returns the kinds of the bad runs in a window that ends at now, most frequent first.
func (w *window) classes(now time.Time) []ClassCount {
	if w.mix == nil {
		return nil
	}
	all := w.mix.kinds
	for i := range all {
		all[i].Runs = 0
	}
	w.each(now, func(slot int64) {
		for i, runs := range w.mix.ring[slot] {
			all[i].Runs += int(runs)
		}
	})
	list := slices.DeleteFunc(all[:], func(c ClassCount) bool { return c.Runs == 0 })
	slices.SortFunc(list, func(a, b ClassCount) int {
		return cmp.Or(cmp.Compare(b.Runs, a.Runs), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Code, b.Code))
	})
	return slices.Clip(list)
}

// each visits the slots of a window that ends at now.
func (w *window) each(now time.Time, visit func(slot int64)) {
	first := max(w.number(now), w.head) - buckets + 1
	for n := max(first, w.oldest); n <= w.head; n++ {
		visit(w.slot(n))
	}
}
