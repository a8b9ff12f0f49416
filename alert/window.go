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

// window counts the runs of the recent past in a ring of buckets, so that a run costs the same for any length and rate. The counts of bad
// runs are allocated with the first bad run, since most series never have one.
type window struct {
	width  time.Duration // of a bucket
	head   int64         // number of the newest bucket, counted in widths since 1970
	oldest int64         // earlier buckets are empty
	total  count
	shift  int64 // added to a bucket's number to find its slot; changes when the clock is set back
	runs   ring  // bucket n is at slot(n)
	bad    *badRuns
}

// count is a number of runs, and how many of them are bad.
type count struct{ runs, bad int32 }

// badRuns counts the bad runs in a window, as a whole and by kind. When there are maxKinds kinds, further ones are not listed.
type badRuns struct {
	ring  ring
	kinds []kindRuns
}

// kindRuns counts the bad runs of one kind.
type kindRuns struct {
	ClassCount // Runs is the total in the window

	ring ring
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
	return number <= w.head-buckets || w.runs.at(w.slot(number)) == 0
}

// bucket returns the counts of a bucket.
func (w *window) bucket(slot int64) count {
	c := count{runs: w.runs.at(slot)}
	if w.bad != nil {
		c.bad = w.bad.ring.at(slot)
	}
	return c
}

// clear empties a bucket.
func (w *window) clear(slot int64) {
	w.total.runs -= w.runs.clear(slot)
	if w.bad == nil {
		return
	}
	bad := w.bad.ring.clear(slot)
	if bad == 0 {
		return
	}
	w.total.bad -= bad
	for i := range w.bad.kinds {
		k := &w.bad.kinds[i]
		k.Runs -= int(k.ring.clear(slot))
	}
}

// add counts a run that ended at end, which is not after the last advance. A run that is older than the window is not counted.
func (w *window) add(end time.Time, o probe.Outcome, bad bool) { w.addRuns(end, o, bad, 1) }

// addRuns counts a number of equal runs, as add counts one.
func (w *window) addRuns(end time.Time, o probe.Outcome, bad bool, runs int) {
	number := w.number(end)
	if number <= w.head-buckets {
		return
	}
	number = min(number, w.head)
	w.oldest = min(w.oldest, number)
	slot := w.slot(number)
	n := int32(runs) // a minute or an hour has fewer runs
	w.runs.add(slot, n)
	w.total.runs += n
	if !bad {
		return
	}
	w.total.bad += n
	if w.bad == nil {
		w.bad = new(badRuns)
	}
	w.bad.add(slot, o, n)
}

// add counts bad runs, also under their kind.
func (b *badRuns) add(slot int64, o probe.Outcome, runs int32) {
	b.ring.add(slot, runs)
	if k := b.kind(o); k != nil {
		k.Runs += int(runs)
		k.ring.add(slot, runs)
	}
}

// kind returns the counts of a kind; nil if there is no place for it. A new kind replaces one that has left the window.
func (b *badRuns) kind(o probe.Outcome) *kindRuns {
	var free *kindRuns
	for i := range b.kinds {
		k := &b.kinds[i]
		if k.Runs > 0 && k.Class == o.Class && k.Code == o.Code {
			return k
		}
		if k.Runs == 0 {
			free = k
		}
	}
	if free == nil {
		if len(b.kinds) == maxKinds {
			return nil
		}
		b.kinds = append(b.kinds, kindRuns{})
		free = &b.kinds[len(b.kinds)-1]
	}
	free.Class, free.Code = o.Class, o.Code
	return free
}

// leaves returns when the oldest bucket that is not empty leaves the window.
func (w *window) leaves() time.Time {
	return time.Unix(0, (w.oldest+buckets)*int64(w.width))
}

// at returns the counts of a window that ends at now, without moving it.
func (w *window) at(now time.Time) count {
	var sum count
	w.each(now, func(slot int64) {
		c := w.bucket(slot)
		sum.runs += c.runs
		sum.bad += c.bad
	})
	return sum
}

// classes returns the kinds of the bad runs in a window that ends at now, most frequent first.
func (w *window) classes(now time.Time) []ClassCount {
	if w.bad == nil {
		return nil
	}
	var list []ClassCount
	for i := range w.bad.kinds {
		k := &w.bad.kinds[i]
		c := ClassCount{Class: k.Class, Code: k.Code}
		w.each(now, func(slot int64) { c.Runs += int(k.ring.at(slot)) })
		if c.Runs > 0 {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b ClassCount) int {
		return cmp.Or(cmp.Compare(b.Runs, a.Runs), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Code, b.Code))
	})
	return list
}

// each visits the slots of a window that ends at now.
func (w *window) each(now time.Time, visit func(slot int64)) {
	first := max(w.number(now), w.head) - buckets + 1
	for n := max(first, w.oldest); n <= w.head; n++ {
		visit(w.slot(n))
	}
}
