package alert

import (
	"time"

	"squarewatch/probe"
)

// streakCondition is for probes that run too rarely for a rate: it fires when the last runs were bad, more than one of
// them, and is over with the first that was not.
type streakCondition struct {
	row     int // bad runs in a row, up to now
	runs    int // 0 until the first
	classes [kindsKept]ClassCount
	kinds   int
}

// observe counts a run.
func (c *streakCondition) observe(rule *Rule, r *probe.Result, _ time.Time) bool {
	if !counts(r) {
		return false
	}
	c.runs = 1
	if !rule.bad(r) {
		c.row, c.kinds = 0, 0
		return false
	}
	c.row++
	c.count(r.Outcome())
	return true
}

func (c *streakCondition) count(o probe.Outcome) {
	for i := range c.kinds {
		if c.classes[i].Class == o.Class && c.classes[i].Code == o.Code {
			c.classes[i].Runs++
			return
		}
	}
	if c.kinds < kindsKept {
		c.classes[c.kinds] = ClassCount{Class: o.Class, Code: o.Code, Runs: 1}
		c.kinds++
	}
}

// judge looks at the last runs; time changes nothing.
func (c *streakCondition) judge(rule *Rule, _ time.Time) (verdict, time.Time) {
	switch {
	case c.runs == 0:
		return unknown, time.Time{}
	case c.row >= rule.Streak:
		return over, time.Time{}
	case c.row > 0:
		return between, time.Time{}
	}
	return under, time.Time{}
}

// describe tells of the row of bad runs, or of the good one that ended it.
func (c *streakCondition) describe(incident *Incident, _ time.Time) {
	incident.Condition = ConditionStreak
	incident.Runs, incident.Bad = max(c.row, c.runs), c.row
	if c.row > 0 {
		incident.Rate = 1
		incident.Classes = append([]ClassCount(nil), c.classes[:c.kinds]...)
	}
}

// inherit takes over the row.
func (c *streakCondition) inherit(old condition) bool {
	before, ok := old.(*streakCondition)
	if ok {
		*c = *before
	}
	return ok
}

func (c *streakCondition) remembers(rule *Rule, _ string) (time.Duration, int) { return 0, rule.Streak }
