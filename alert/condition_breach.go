package alert

import (
	"time"

	"squarewatch/probe"
)

// breachCondition fires at once when a probe that guards access got more than it may, and until its next run did not:
// a door that stands open is no matter of rates.
type breachCondition struct {
	seen bool
	last probe.Outcome
	open bool
}

func breachKind() kind {
	access := Rule{Name: AccessRule, Per: PerProbe, Threshold: 1, Clear: 1, MinRuns: 1}
	access.Defaults()
	access.Window = 0 // it looks at the last run
	return kind{
		begin:   func(*Rule, []*probe.Probe) condition { return &breachCondition{} },
		watches: func(p *probe.Probe) bool { return p.Guards == probe.GuardAccess },
		builtin: []Rule{access},
	}
}

// observe remembers the run.
func (c *breachCondition) observe(_ *Rule, r *probe.Result, _ time.Time) bool {
	c.seen, c.last, c.open = true, r.Outcome(), r.Breach
	return r.Breach
}

// judge says what the last run said; time changes nothing.
func (c *breachCondition) judge(*Rule, time.Time) (verdict, time.Time) {
	switch {
	case !c.seen:
		return unknown, time.Time{}
	case c.open:
		return over, time.Time{}
	}
	return under, time.Time{}
}

// inherit takes over what the last run said.
func (c *breachCondition) inherit(old condition) bool {
	before, ok := old.(*breachCondition)
	if ok {
		*c = *before
	}
	return ok
}

// describe tells of the last run.
func (c *breachCondition) describe(incident *Incident, _ time.Time) {
	incident.Condition = ConditionAccess
	if c.seen {
		incident.Runs = 1
	}
	if c.open {
		incident.Bad, incident.Rate = 1, 1
		incident.Classes = []ClassCount{{Class: c.last.Class, Code: c.last.Code, Runs: 1}}
	}
}

func (c *breachCondition) remembers(*Rule, string) (time.Duration, int) { return 0, 1 }
