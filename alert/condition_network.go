package alert

import (
	"time"

	"squarewatch/probe"
)

// networkCondition is about ourselves: it begins with a run that failed while nothing else could be reached either, and is
// over with the first that got an answer. Nobody could be told meanwhile; people hear of it once, when it is over.
type networkCondition struct {
	down      bool
	uncounted int // runs that did not count
}

func networkKind() *kind {
	rule := Rule{Name: NetworkRule, Per: PerAll, Threshold: 1, Clear: 1, MinRuns: 1, Severity: Info, Repeat: -1}
	rule.Defaults()
	rule.Window = 0 // it looks at the last run
	return &kind{
		newCondition: func(*Rule, []*probe.Probe) condition { return &networkCondition{} },
		accepts:      func(*probe.Probe) bool { return true },
		builtin:      []Rule{rule},

		enabled: func(o *EngineOptions) bool { return o.Connectivity },
		endOnly: true,
	}
}

// observe notes whether a run got through.
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

// judge says what the last run said; time changes nothing.
func (c *networkCondition) evaluate(*Rule, time.Time) (level, time.Time) {
	if c.down {
		return levelCrossed, time.Time{}
	}
	return levelClear, time.Time{}
}

// describe tells how many runs did not count.
func (c *networkCondition) describe(incident *Incident, _ time.Time) {
	incident.Condition, incident.Runs, incident.Bad = ConditionNetwork, c.uncounted, c.uncounted
	if c.down {
		incident.Rate = 1
	}
}

// inherit takes over whether it goes on.
func (c *networkCondition) inherit(old condition) bool {
	before, ok := old.(*networkCondition)
	if ok {
		*c = *before
	}
	return ok
}
