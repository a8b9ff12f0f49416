package alert

import (
	"time"

	"squarewatch/probe"
)

// networkCondition is about ourselves: it begins with a run that failed while nothing else could be reached either, and is
// over with the first that got an answer. Nobody could be told meanwhile; people hear of it once, when it is over.
type networkCondition struct {
	open bool
	lost int // runs that did not count
}

func networkKind() kind {
	rule := Rule{Name: NetworkRule, Per: PerAll, Threshold: 1, Clear: 1, MinRuns: 1, Severity: Info, Repeat: -1}
	rule.Defaults()
	rule.Window = 0 // it looks at the last run
	return kind{
		begin:   func(*Rule, []*probe.Probe) condition { return &networkCondition{} },
		watches: func(*probe.Probe) bool { return true },
		builtin: []Rule{rule},
	}
}

// observe notes whether a run got through.
func (c *networkCondition) observe(_ *Rule, r *probe.Result, _ time.Time) bool {
	switch {
	case r.Blame == probe.BlameNetwork:
		if !c.open {
			c.lost = 0
		}
		c.open = true
		c.lost++
		return true
	case !r.Class.IsTransport():
		c.open = false
	}
	return false
}

// judge says what the last run said; time changes nothing.
func (c *networkCondition) judge(*Rule, time.Time) (verdict, time.Time) {
	if c.open {
		return over, time.Time{}
	}
	return under, time.Time{}
}

// describe tells how many runs did not count.
func (c *networkCondition) describe(incident *Incident, _ time.Time) {
	incident.Condition, incident.Runs, incident.Bad = ConditionNetwork, c.lost, c.lost
	if c.open {
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
