package alert

import (
	"time"

	"squarewatch/probe"
)

// breachCondition fires at once when a probe that guards access got more than it may, and until its next run did not:
// a door that stands open is no matter of rates.
type breachCondition struct {
	hasRun   bool
	last     probe.Outcome
	breached bool
}

func breachKind() *kind {
	access := Rule{Name: AccessRule, Per: PerProbe, Threshold: 1, Clear: 1, MinRuns: 1}
	access.Defaults()
	access.Window = 0 // it looks at the last run
	return &kind{
		newCondition: func(*Rule, []*probe.Probe) condition { return &breachCondition{} },
		accepts:      func(p *probe.Probe) bool { return p.Guards == probe.GuardAccess },
		builtin:      []Rule{access},

		ignoresParents: true,
	}
}

// observe remembers the run.
func (c *breachCondition) observe(_ *Rule, r *probe.Result, _ time.Time) bool {
	c.hasRun, c.last, c.breached = true, r.Outcome(), r.Breach
	return r.Breach
}

// judge says what the last run said; time changes nothing.
func (c *breachCondition) evaluate(*Rule, time.Time) (level, time.Time) {
	switch {
	case !c.hasRun:
		return levelUnknown, time.Time{}
	case c.breached:
		return levelCrossed, time.Time{}
	}
	return levelClear, time.Time{}
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
	if c.hasRun {
		incident.Runs = 1
	}
	if c.breached {
		incident.Bad, incident.Rate = 1, 1
		incident.Classes = []ClassCount{{Class: c.last.Class, Code: c.last.Code, Runs: 1}}
	}
}

func (c *breachCondition) remembers(*Rule, string) (time.Duration, int) { return 0, 1 }
