package alert

import (
	"time"

	"squarewatch/probe"
)

// rateCondition compares the share of bad runs in a window with the threshold, or the bounds of its interval where the
// rule asks for confidence.
type rateCondition struct {
	window window
	z      float64 // of the rule's confidence; 0 for none
}

func newRateCondition(rule *Rule) *rateCondition {
	return &rateCondition{window: newWindow(rule.Window), z: quantile(rule.Confidence)}
}

// observe counts a run.
func (c *rateCondition) observe(rule *Rule, r *probe.Result, now time.Time) bool {
	if !countsRun(r) {
		return false
	}
	bad := rule.bad(r)
	c.window.advance(now)
	c.window.add(r.End, r.Outcome(), bad)
	return bad
}

// judge compares the window with the thresholds. Time alone changes nothing where nothing is bad, nor where runs are too
// few, as it can only take runs away.
func (c *rateCondition) evaluate(rule *Rule, now time.Time) (level, time.Time) {
	c.window.advance(now)
	total := c.window.total
	if int(total.runs) < rule.MinRuns {
		return levelUnknown, time.Time{}
	}
	low, high := interval(int(total.bad), int(total.runs), c.z)
	if total.bad == 0 {
		if high < rule.Clear {
			return levelClear, time.Time{}
		}
		return levelBetween, time.Time{}
	}
	switch {
	case c.z == 0 && low >= rule.Threshold, c.z > 0 && low > rule.Threshold:
		return levelCrossed, c.window.leaves()
	case high < rule.Clear:
		return levelClear, c.window.leaves()
	}
	return levelBetween, c.window.leaves()
}

// describe tells the counts.
func (c *rateCondition) describe(incident *Incident, now time.Time) {
	incident.Condition = ConditionRate
	c.window.describe(incident, now)
	incident.Low, incident.High = interval(incident.Bad, incident.Runs, c.z)
	if c.z == 0 {
		incident.Low, incident.High = 0, 0
	}
}

// inherit takes over the window, under this rule's own confidence.
func (c *rateCondition) inherit(old condition) bool {
	before, ok := old.(*rateCondition)
	if ok {
		c.window = before.window
	}
	return ok
}

func (c *rateCondition) remembers(rule *Rule, _ string) (time.Duration, int) { return rule.Window, 0 }

func (c count) rate() Share {
	if c.runs == 0 {
		return 0
	}
	return Share(c.bad) / Share(c.runs)
}

// describe tells what is in a window that ends at now.
func (w *window) describe(incident *Incident, now time.Time) {
	total := w.at(now)
	incident.Runs, incident.Bad, incident.Rate = int(total.runs), int(total.bad), total.rate()
	if total.bad > 0 {
		incident.Classes = w.classes(now)
		incident.Course = w.course(now)
	}
}

// coursePoints is into how many parts a chart divides a window.
const coursePoints = 12

// course returns the window in parts, oldest first.
func (w *window) course(now time.Time) []Point {
	const each = buckets / coursePoints
	last := max(w.number(now), w.head)
	points := make([]Point, coursePoints)
	for i := range points {
		points[i].At = time.Unix(0, (last-int64(coursePoints-1-i)*each+1)*int64(w.width)).UTC()
	}
	for n := max(last-buckets+1, w.oldest); n <= w.head; n++ {
		p := &points[coursePoints-1-int(last-n)/each]
		p.Runs += int(w.ring[w.slot(n)].runs)
		p.Bad += int(w.ring[w.slot(n)].bad)
	}
	return points
}
