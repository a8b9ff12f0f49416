package alert

import (
	"time"

	"squarewatch/probe"
)

// networkClear is the time without a failed run after which a failure of our own network is over. So a network that fails on and off makes
// one incident, also when some runs end late.
const networkClear = time.Minute

// networkCondition is about our own network. It fires when a run failed because of the network. It is clear when a later run got an answer,
// and no run has failed because of the network for networkClear. Most notifiers cannot be reached during such an incident, so its end is
// announced, and its beginning only if it lasts (endOnlyUntil).
type networkCondition struct {
	last      time.Time // the last run that failed because of our own network; zero for none
	answered  time.Time // the last run that got an answer
	uncounted int       // runs that did not count
}

// networkKind returns the kind of the built-in rule [NetworkRule].
func networkKind() *kind {
	rule := Rule{Name: NetworkRule, Per: PerAll, Threshold: 1, Clear: 1, MinRuns: 1, Severity: Info, Repeat: -1}
	rule.Defaults()
	rule.Window = 0 // it looks at the time since the last failed run
	return &kind{
		newCondition: func(*Rule, []*probe.Probe) condition { return &networkCondition{} },
		accepts:      func(*probe.Probe) bool { return true },
		builtin:      []Rule{rule},

		endOnly: true,
	}
}

// observe records whether a run got an answer.
func (c *networkCondition) observe(_ *Rule, r *probe.Result, now time.Time) bool {
	switch {
	case r.Blame == probe.BlameNetwork:
		if c.isOver(now) {
			c.uncounted = 0
		}
		c.last = now
		c.uncounted++
		return true
	case !r.Class.IsTransport():
		c.answered = now
	}
	return false
}

// isDown reports whether no run got an answer since the last run that failed because of our own network.
func (c *networkCondition) isDown() bool { return !c.last.IsZero() && !c.answered.After(c.last) }

// isOver reports whether no failure of our own network is known, or the last one is over at now.
func (c *networkCondition) isOver(now time.Time) bool {
	return c.last.IsZero() || !c.isDown() && now.Sub(c.last) >= networkClear
}

// evaluate compares the last failed run with the last answered one. Once a run got an answer, passing time alone ends the failure.
func (c *networkCondition) evaluate(_ *Rule, now time.Time) (level, time.Time) {
	switch {
	case c.last.IsZero() && c.answered.IsZero():
		return levelUnknown, time.Time{} // no run was seen since a restart
	case c.isOver(now):
		return levelClear, time.Time{}
	case c.isDown():
		return levelCrossed, time.Time{}
	}
	return levelBetween, c.last.Add(networkClear)
}

// describe sets how many runs did not count.
func (c *networkCondition) describe(incident *Incident, _ time.Time) {
	incident.Condition, incident.Runs, incident.Bad = ConditionNetwork, c.uncounted, c.uncounted
	if c.isDown() {
		incident.Rate = 1
	}
}

// inherit copies the state.
func (c *networkCondition) inherit(old condition) bool { return copyState(c, old) }
