package alert

import (
	"time"

	"squarewatch/config/setting"
	"squarewatch/probe"
)

// rateCondition compares the share of bad runs in a window with the threshold. With confidence it compares the bounds of the share's
// interval.
type rateCondition struct {
	window     window
	deviations float64 // of the rule's confidence, in standard deviations; 0 without confidence
}

// newRateCondition returns the condition of a rule without an objective.
func newRateCondition(rule *Rule) *rateCondition {
	return &rateCondition{window: newWindow(rule.Window), deviations: quantile(rule.Confidence)}
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

// evaluate compares the window with the thresholds. As time passes, runs only leave the window. So it returns no next time when no run is
// bad, or when there are too few runs.
func (c *rateCondition) evaluate(rule *Rule, now time.Time) (level, time.Time) {
	c.window.advance(now)
	total := c.window.total
	if int(total.runs) < rule.MinRuns {
		return levelUnknown, time.Time{}
	}
	low, high := interval(int(total.bad), int(total.runs), c.deviations)
	if total.bad == 0 {
		if high < rule.Clear {
			return levelClear, time.Time{}
		}
		return levelBetween, time.Time{}
	}
	switch {
	case c.deviations == 0 && low >= rule.Threshold, c.deviations > 0 && low > rule.Threshold:
		return levelCrossed, c.window.leaves()
	case high < rule.Clear:
		return levelClear, c.window.leaves()
	}
	return levelBetween, c.window.leaves()
}

// describe sets the counts and the bounds.
func (c *rateCondition) describe(incident *Incident, now time.Time) {
	incident.Condition = ConditionRate
	c.window.describe(incident, now)
	incident.Low, incident.High = interval(incident.Bad, incident.Runs, c.deviations)
	if c.deviations == 0 {
		incident.Low, incident.High = 0, 0
	}
}

// inherit copies the window. It does not copy the confidence, because the new rule has its own.
func (c *rateCondition) inherit(old condition) bool {
	before, ok := old.(*rateCondition)
	if ok {
		c.window = before.window
	}
	return ok
}

// lookback asks for the runs of the window.
func (c *rateCondition) lookback(rule *Rule, _ string) (time.Duration, int) { return rule.Window, 0 }

// rate returns the share of bad runs; 0 without runs.
func (c count) rate() setting.Share {
	if c.runs == 0 {
		return 0
	}
	return setting.Share(c.bad) / setting.Share(c.runs)
}

// describe sets the counts of a window that ends at now.
func (w *window) describe(incident *Incident, now time.Time) {
	total := w.at(now)
	incident.Runs, incident.Bad, incident.Rate = int(total.runs), int(total.bad), total.rate()
	if total.bad > 0 {
		incident.Classes = w.classes(now)
		incident.Course = w.course(now)
	}
}

// coursePoints is the number of parts into which a chart divides a window.
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
		c := w.bucket(w.slot(n))
		p.Runs += int(c.runs)
		p.Bad += int(c.bad)
	}
	return points
}
