package alert

import (
	"time"

	"squarewatch/probe"
)

const (
	// breachRefusals is how many refusals in a row end a breach. Access that is granted and refused in turn is one incident, and a
	// single refusal does not show that access is closed again.
	breachRefusals = 5
	// breachClear is the least time between the last breach and the end of its incident. It matters for probes that
	// get five refusals in less time.
	breachClear = time.Minute
)

// breachCondition fires at once when access was granted to a guarded probe, and is clear after several refusals in a row. It compares no
// rates: a single answer that grants access is a security incident. A run that got no answer, or an answer that neither grants
// nor refuses access, shows nothing.
type breachCondition struct {
	hasRun   bool          // false before the first run
	breach   probe.Outcome // of the last run to which access was granted
	breached time.Time     // when that run ended; zero before the first
	refusals int           // in a row, since the last breach
}

// breachKind returns the kind of the built-in rule [AccessRule].
func breachKind() *kind {
	access := Rule{Name: AccessRule, Per: PerProbe, Threshold: 1, Clear: 1, MinRuns: 1}
	access.Defaults()
	access.Window = 0 // only the last runs count
	return &kind{
		newCondition: func(*Rule, []*probe.Probe) condition { return &breachCondition{} },
		accepts:      func(p *probe.Probe) bool { return p.Guards == probe.GuardAccess },
		builtin:      []Rule{access},

		ignoresParents: true,
	}
}

// observe stores the run.
func (c *breachCondition) observe(_ *Rule, r *probe.Result, now time.Time) bool {
	c.hasRun = true
	switch { // a run that neither grants nor refuses access shows nothing
	case r.Breach:
		c.breach, c.breached, c.refusals = r.Outcome(), now, 0
	case r.Expected:
		c.refusals++
	}
	return r.Breach
}

// isClosed reports whether access is refused again, as far as runs show.
func (c *breachCondition) isClosed() bool { return c.refusals >= breachRefusals }

// evaluate returns the level of the last runs. After enough refusals, a breach ends when breachClear has passed. When no breach is known,
// too few refusals change nothing: an earlier process may have seen a breach.
func (c *breachCondition) evaluate(_ *Rule, now time.Time) (level, time.Time) {
	earliest := c.breached.Add(breachClear)
	switch {
	case !c.hasRun:
		return levelUnknown, time.Time{}
	case c.isClosed() && now.Before(earliest):
		return levelBetween, earliest
	case c.isClosed():
		return levelClear, time.Time{}
	case c.breached.IsZero() || c.refusals > 0:
		return levelBetween, time.Time{}
	}
	return levelCrossed, time.Time{}
}

// inherit copies the last runs.
func (c *breachCondition) inherit(old condition) bool { return copyState(c, old) }

// describe sets the counts to the last breach, or to the refusals since then.
func (c *breachCondition) describe(incident *Incident, _ time.Time) {
	incident.Condition = ConditionAccess
	switch {
	case !c.hasRun:
		return
	case c.breached.IsZero() || c.refusals > 0:
		incident.Runs = max(c.refusals, 1)
	default:
		incident.Runs, incident.Bad, incident.Rate = 1, 1, 1
	}
	if !c.breached.IsZero() && !c.isClosed() {
		incident.Classes = []ClassCount{{Class: c.breach.Class, Code: c.breach.Code, Runs: 1}}
	}
}

// restart moves the last breach to now, if the clock was set back.
func (c *breachCondition) restart(now time.Time) {
	if c.breached.After(now) {
		c.breached = now
	}
}

// lookback asks for the runs that can end a breach, and for one more.
func (c *breachCondition) lookback(*Rule, string) (time.Duration, int) { return 0, breachRefusals + 1 }

// LongestBreach returns the longest time from the last breach of a probe to the end of its incident, if every later run is refused. Rules
// of systems that cannot count runs in a row, such as Prometheus, use this time instead.
func LongestBreach(p *probe.Probe) time.Duration {
	return max(p.Schedule.LongestGap(breachRefusals), breachClear) + p.Longest()
}
