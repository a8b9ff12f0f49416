package alert

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"squarewatch/probe"
)

// figures is everything that can be read from a window.
type figures struct {
	Runs, Bad, RunsAt, BadAt int32
	Classes                  []ClassCount
	Course                   []Point
	Leaves                   time.Time
}

func figuresOf(w *window, now time.Time) figures {
	at := w.at(now)
	return figures{w.total.runs, w.total.bad, at.runs, at.bad, w.classes(now), w.course(now), w.leaves()}
}

// widenAll makes all counts of a window wide.
func widenAll(w *window) {
	all := []*ring{&w.runs}
	if w.bad != nil {
		all = append(all, &w.bad.ring)
		for i := range w.bad.kinds {
			all = append(all, &w.bad.kinds[i].ring)
		}
	}
	for _, r := range all {
		if r.wide == nil {
			r.widen()
		}
	}
}

// TestNarrowCountsAreExact compares a window with one whose counts are all wide, over runs of many kinds, long gaps and clocks that are
// set back.
func TestNarrowCountsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		narrow, wide := newWindow(time.Minute), newWindow(time.Minute)
		widenAll(&wide)
		now := time.Unix(1_700_000_000, 0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(-5, 20).Draw(t, "seconds")) * time.Second)
			end := now.Add(-time.Duration(rapid.IntRange(0, 70).Draw(t, "age")) * time.Second)
			outcome := probe.Outcome{Class: probe.ServerError, Code: 500 + rapid.IntRange(0, maxKinds+1).Draw(t, "kind")}
			bad, runs := rapid.Bool().Draw(t, "bad"), rapid.IntRange(1, 400).Draw(t, "runs")
			for _, w := range []*window{&narrow, &wide} {
				w.advance(now)
				w.addRuns(end, outcome, bad, runs)
			}
			widenAll(&wide)
			for _, at := range []time.Time{now, now.Add(30 * time.Second)} {
				if diff := cmp.Diff(figuresOf(&wide, at), figuresOf(&narrow, at)); diff != "" {
					t.Fatalf("wide and narrow counts differ (-wide +narrow):\n%s", diff)
				}
			}
		}
	})
}

// TestCountsWidenAbove255 checks the largest narrow count.
func TestCountsWidenAbove255(t *testing.T) {
	var r ring
	r.add(3, 255)
	if r.wide != nil || r.at(3) != 255 {
		t.Errorf("want 255 runs in a narrow count, got %d, wide: %t", r.at(3), r.wide != nil)
	}
	r.add(3, 1)
	r.add(4, 100_000)
	if r.wide == nil || r.at(3) != 256 || r.at(4) != 100_000 {
		t.Errorf("want 256 and 100,000 runs in wide counts, got %d and %d, wide: %t", r.at(3), r.at(4), r.wide != nil)
	}
	if was := r.clear(3); was != 256 || r.at(3) != 0 {
		t.Errorf("want 256 runs cleared, got %d, and %d left", was, r.at(3))
	}
}
