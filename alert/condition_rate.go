package alert

import (
	"time"

	"squarewatch/probe"
)

// rateCondition compares the share of bad runs in a window with the threshold.
type rateCondition struct{ window window }

func rateKind() kind {
	return kind{
		begin:   func(rule *Rule) condition { return &rateCondition{newWindow(rule.Window)} },
		watches: func(*probe.Probe) bool { return true },
	}
}

// observe counts a run. An expected answer is never bad.
func (c *rateCondition) observe(rule *Rule, r *probe.Result, now time.Time) bool {
	bad := !r.Expected && probe.MatchAny(rule.On, r.Outcome())
	c.window.advance(now)
	c.window.add(r.End, r.Outcome(), bad)
	return bad
}

// judge compares the window with the thresholds. Time alone changes nothing where nothing is bad, nor where runs are too
// few, as it can only take runs away.
func (c *rateCondition) judge(rule *Rule, now time.Time) (verdict, time.Time) {
	c.window.advance(now)
	total := c.window.total
	if int(total.runs) < rule.MinRuns {
		return unknown, time.Time{}
	}
	if total.bad == 0 {
		return under, time.Time{}
	}
	switch rate := total.rate(); {
	case rate >= rule.Threshold:
		return over, c.window.leaves()
	case rate < rule.Clear:
		return under, c.window.leaves()
	}
	return between, c.window.leaves()
}

// describe tells the counts.
func (c *rateCondition) describe(incident *Incident, now time.Time) {
	incident.Condition = ConditionRate
	total := c.window.at(now)
	incident.Runs, incident.Bad, incident.Rate = int(total.runs), int(total.bad), total.rate()
	if total.bad > 0 {
		incident.Classes = c.window.classes(now)
	}
}

func (c count) rate() Share {
	if c.runs == 0 {
		return 0
	}
	return Share(c.bad) / Share(c.runs)
}
