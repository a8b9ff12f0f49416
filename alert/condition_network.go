package alert

import (
	"time"

	"squarewatch/probe"
)

// networkCondition is about our own network. It fires with a run that failed while nothing else could be reached either, and is clear
// after the first run that got an answer. Most notifiers cannot be reached meanwhile, so only its end is announced, unless it lasts.
type networkCondition struct {
	down      bool // the last run failed because of our own network
	uncounted int  // runs that did not count
}

// networkKind returns the kind of the built-in rule [NetworkRule].
func networkKind() *kind {
	rule := Rule{Name: NetworkRule, Per: PerAll, Threshold: 1, Clear: 1, MinRuns: 1, Severity: Info, Repeat: -1}
	rule.Defaults()
	rule.Window = 0 // only the last run counts
	return &kind{
		newCondition: func(*Rule, []*probe.Probe) condition { return &networkCondition{} },
		accepts:      func(*probe.Probe) bool { return true },
		builtin:      []Rule{rule},

		enabled: func(o *EngineOptions) bool { return o.Connectivity },
		endOnly: true,
	}
}

// observe records whether a run got an answer.
func (c *networkCondition) observe(_ *Rule, r *probe.Result, _ time.Time) bool {
	switch {
	case r.Blame == probe.BlameNetwork:
		if !c.down {
			c.uncounted = 0
		}
		c.down = true
		c.uncounted++
		return true
	case !r.Class.IsTransport():
		c.down = false
	}
	return false
}

// evaluate returns the level of the last run; time changes nothing.
func (c *networkCondition) evaluate(*Rule, time.Time) (level, time.Time) {
	if c.down {
		return levelCrossed, time.Time{}
	}
	return levelClear, time.Time{}
}

// describe sets how many runs did not count.
func (c *networkCondition) describe(incident *Incident, _ time.Time) {
	incident.Condition, incident.Runs, incident.Bad = ConditionNetwork, c.uncounted, c.uncounted
	if c.down {
		incident.Rate = 1
	}
}

// inherit copies the state.
func (c *networkCondition) inherit(old condition) bool {
	before, ok := old.(*networkCondition)
	if ok {
		*c = *before
	}
	return ok
}
