package alert

import (
	"time"

	"squarewatch/probe"
)

// breachCondition fires at once when access was granted to a guarded probe, and is clear after the next run without that. It compares no
// rates: one such answer is a security incident.
type breachCondition struct {
	hasRun   bool // false before the first run
	last     probe.Outcome
	breached bool // access was granted to the last run
}

// breachKind returns the kind of the built-in rule [AccessRule].
func breachKind() *kind {
	access := Rule{Name: AccessRule, Per: PerProbe, Threshold: 1, Clear: 1, MinRuns: 1}
	access.Defaults()
	access.Window = 0 // only the last run counts
	return &kind{
		newCondition: func(*Rule, []*probe.Probe) condition { return &breachCondition{} },
		accepts:      func(p *probe.Probe) bool { return p.Guards == probe.GuardAccess },
		builtin:      []Rule{access},

		ignoresParents: true,
	}
}

// observe stores the run.
func (c *breachCondition) observe(_ *Rule, r *probe.Result, _ time.Time) bool {
	c.hasRun, c.last, c.breached = true, r.Outcome(), r.Breach
	return r.Breach
}

// evaluate returns the level of the last run; time changes nothing.
func (c *breachCondition) evaluate(*Rule, time.Time) (level, time.Time) {
	switch {
	case !c.hasRun:
		return levelUnknown, time.Time{}
	case c.breached:
		return levelCrossed, time.Time{}
	}
	return levelClear, time.Time{}
}

// inherit copies the last run.
func (c *breachCondition) inherit(old condition) bool {
	before, ok := old.(*breachCondition)
	if ok {
		*c = *before
	}
	return ok
}

// describe sets the counts of the last run.
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

// lookback asks for the last run.
func (c *breachCondition) lookback(*Rule, string) (time.Duration, int) { return 0, 1 }
