package alert

import (
	"time"

	"squarewatch/probe"
)

// streakCondition is for probes that run too rarely for a rate: it fires when the last runs were bad, more than one of
// them, and is over with the first that was not.
type streakCondition struct {
	badInRow int // bad runs in a row, up to now
	seen     int // 0 until the first
	classes  [maxKinds]ClassCount
	used     int
}

// observe counts a run.
func (c *streakCondition) observe(rule *Rule, r *probe.Result, _ time.Time) bool {
	if !countsRun(r) {
		return false
	}
	c.seen = 1
	if !rule.bad(r) {
		c.badInRow, c.used = 0, 0
		return false
	}
	c.badInRow++
	c.count(r.Outcome())
	return true
}

func (c *streakCondition) count(o probe.Outcome) {
	for i := range c.used {
		if c.classes[i].Class == o.Class && c.classes[i].Code == o.Code {
			c.classes[i].Runs++
			return
		}
	}
	if c.used < maxKinds {
		c.classes[c.used] = ClassCount{Class: o.Class, Code: o.Code, Runs: 1}
		c.used++
	}
}

// judge looks at the last runs; time changes nothing.
func (c *streakCondition) evaluate(rule *Rule, _ time.Time) (level, time.Time) {
	switch {
	case c.seen == 0:
		return levelUnknown, time.Time{}
	case c.badInRow >= rule.Streak:
		return levelCrossed, time.Time{}
	case c.badInRow > 0:
		return levelBetween, time.Time{}
	}
	return levelClear, time.Time{}
}

// describe tells of the row of bad runs, or of the good one that ended it.
func (c *streakCondition) describe(incident *Incident, _ time.Time) {
	incident.Condition = ConditionStreak
	incident.Runs, incident.Bad = max(c.badInRow, c.seen), c.badInRow
	if c.badInRow > 0 {
		incident.Rate = 1
		incident.Classes = append([]ClassCount(nil), c.classes[:c.used]...)
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
