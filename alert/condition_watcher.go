package alert

import (
	"time"

	"squarewatch/probe"
)

const (
	// troubleFor is how long a shortage of our own must last before people are notified. A short burst sends no message.
	troubleFor = time.Minute
	// troubleClear is the time without such a failure after which the shortage is over.
	troubleClear = time.Minute
)

// watcherCondition is about squarewatch itself. It fires when runs fail for a minute because the process or its machine ran out of
// descriptors, ports, buffers or memory. It is clear when no run has failed for that reason for a minute, and a later run did not.
type watcherCondition struct {
	first, last time.Time // the first and the last failed run of the trouble; zero for none
	passed      time.Time // the last run that did not fail because of the trouble
	lost        int       // runs that did not count
}

// watcherKind returns the kind of the built-in rule [WatcherRule].
func watcherKind() *kind {
	rule := Rule{Name: WatcherRule, Per: PerAll, Threshold: 1, Clear: 1, MinRuns: 1}
	rule.Defaults()
	rule.Window = 0 // it looks at the time since the first failed run
	return &kind{
		newCondition: func(*Rule, []*probe.Probe) condition { return &watcherCondition{} },
		accepts:      func(*probe.Probe) bool { return true },
		builtin:      []Rule{rule},
	}
}

// observe records whether a run failed on our own side.
func (c *watcherCondition) observe(_ *Rule, r *probe.Result, now time.Time) bool {
	if r.Blame != probe.BlameWatcher {
		c.passed = now
		return false
	}
	if c.isOver(now) {
		c.first, c.lost = now, 0
	}
	c.last = now
	c.lost++
	return true
}

// isOver reports whether there is no trouble at now.
func (c *watcherCondition) isOver(now time.Time) bool {
	return c.last.IsZero() || c.passed.After(c.last) && now.Sub(c.last) >= troubleClear
}

// evaluate compares how long the trouble has lasted with troubleFor. Once a run has passed, time alone ends the trouble.
func (c *watcherCondition) evaluate(_ *Rule, now time.Time) (level, time.Time) {
	switch {
	case c.last.IsZero() && c.passed.IsZero():
		return levelUnknown, time.Time{} // no run was seen since a restart
	case c.isOver(now):
		return levelClear, time.Time{}
	case c.passed.After(c.last):
		return c.levelOfDuration(), c.last.Add(troubleClear)
	}
	return c.levelOfDuration(), time.Time{}
}

// levelOfDuration returns the level of a trouble that is not over.
func (c *watcherCondition) levelOfDuration() level {
	if c.last.Sub(c.first) >= troubleFor {
		return levelCrossed
	}
	return levelBetween
}

// describe sets how many runs did not count.
func (c *watcherCondition) describe(incident *Incident, now time.Time) {
	incident.Condition, incident.Runs, incident.Bad = ConditionWatcher, c.lost, c.lost
	if !c.isOver(now) {
		incident.Rate = 1
	}
}

// inherit copies the state.
func (c *watcherCondition) inherit(old condition) bool { return copyState(c, old) }
