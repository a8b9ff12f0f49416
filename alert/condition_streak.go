package alert

import (
	"time"

	"squarewatch/probe"
)

// streakCondition is for probes that run too rarely for a rate. It fires when the last Streak runs (see [Rule]) were
// bad, and is clear after the first good run.
type streakCondition struct {
	badInRow int // bad runs in a row, the last run included
	span     BadSpan
	seen     int // 0 before the first run, then 1; the number of runs in the incident when the last run was good
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
		c.badInRow, c.used, c.span = 0, 0, BadSpan{}
		return false
	}
	c.badInRow++
	c.span.add(r.End.Round(0))
	c.count(r.Outcome())
	return true
}

// count adds a bad run to the counts by class and code.
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

// evaluate compares the number of bad runs in a row with the rule. The result does not depend on the time.
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

// describe sets the counts of the streak, or of the good run that ended it.
func (c *streakCondition) describe(incident *Incident, _ time.Time) {
	incident.Condition = ConditionStreak
	incident.Runs, incident.Bad = max(c.badInRow, c.seen), c.badInRow
	if c.badInRow > 0 {
		incident.Rate = 1
		incident.Classes = append([]ClassCount(nil), c.classes[:c.used]...)
	}
}

// inherit copies the streak.
func (c *streakCondition) inherit(old condition) bool { return copyState(c, old) }

// lookback asks for as many runs as the rule needs to fire.
func (c *streakCondition) lookback(rule *Rule, _ string) (time.Duration, int) { return 0, rule.Streak }

// badSpan returns the bad runs in a row.
func (c *streakCondition) badSpan() (BadSpan, bool) { return c.span, c.badInRow > 0 }
