package alert

import (
	"time"

	"squarewatch/probe"
)

// missedIntervals is how many intervals must pass without a finished run before the rule fires.
const missedIntervals = 3

// noDataCondition fires when a probe finishes no runs. Without runs, no other rule can fire.
type noDataCondition struct {
	schedule probe.Schedule
	longest  time.Duration // [probe.Probe.Longest]
	last     time.Time     // when the last run finished, or when watching began
	due      time.Time     // when the next run should have finished; recomputed only after it has passed, so that observe is cheap
	runs     int           // 0 before the first run, then 1
}

// noDataKind returns the kind of the built-in rule [NoDataRule].
func noDataKind() *kind {
	rule := Rule{Name: NoDataRule, Per: PerProbe, Threshold: 1, Clear: 1, MinRuns: 1}
	rule.Defaults()
	rule.Window = 0 // only the time since the last run counts
	return &kind{
		newCondition: func(_ *Rule, probes []*probe.Probe) condition {
			return &noDataCondition{schedule: probes[0].Schedule, longest: probes[0].Longest()}
		},
		accepts: func(p *probe.Probe) bool { return !p.Schedule.IsZero() },
		builtin: []Rule{rule},

		withoutRuns: true, ignoresParents: true,
	}
}

// observe records that a run finished.
func (c *noDataCondition) observe(_ *Rule, _ *probe.Result, now time.Time) bool {
	c.last, c.runs = now, 1
	return false
}

// evaluate compares now with the time when a run was due.
func (c *noDataCondition) evaluate(_ *Rule, now time.Time) (level, time.Time) {
	if c.last.IsZero() {
		c.last = now // watching begins
	}
	if now.Before(c.due) {
		return c.levelInTime(), c.due
	}
	c.due = c.nextDue()
	if now.Before(c.due) {
		return c.levelInTime(), c.due
	}
	return levelCrossed, time.Time{}
}

// levelInTime returns the level while no run is overdue: clear after a run, unknown before the first.
func (c *noDataCondition) levelInTime() level {
	if c.runs == 0 {
		return levelUnknown
	}
	return levelClear
}

// nextDue returns when the next three runs must have finished, or a time in 100 years if the schedule has ended. The first of them may fail
// and last until its looks have ended. Runs that are due meanwhile are missed, because it is still going on.
func (c *noDataCondition) nextDue() time.Time {
	due := c.schedule.Next(c.last)
	looked := due.Add(probe.LongestLooks)
	for range missedIntervals - 1 {
		if due.IsZero() {
			break
		}
		due = c.schedule.Next(due)
	}
	if due.IsZero() {
		return c.last.AddDate(100, 0, 0)
	}
	return later(due, looked).Add(c.longest)
}

// describe sets the figures: 0 runs and rate 1 while the incident fires.
func (c *noDataCondition) describe(incident *Incident, _ time.Time) {
	incident.Condition = ConditionNoData
	incident.Runs = c.runs
	if incident.Resolved.IsZero() && !incident.Fired.IsZero() {
		incident.Runs, incident.Bad, incident.Rate = 0, 0, 1
	}
}

// onset returns the last run: the problem began with it.
func (c *noDataCondition) onset() time.Time { return c.last }

// inherit copies the last run of the old condition. The new condition keeps its own schedule.
func (c *noDataCondition) inherit(old condition) bool {
	before, ok := old.(*noDataCondition)
	if ok {
		c.last, c.runs = before.last, before.runs
	}
	return ok
}

// restart counts the time without runs from now.
func (c *noDataCondition) restart(now time.Time) { c.last, c.due = now, time.Time{} }

// LongestWithoutRun returns the longest time without a finished run at which [NoDataRule] does not fire. Systems that cannot follow a
// schedule, such as Prometheus, compare with it.
func LongestWithoutRun(p *probe.Probe) time.Duration {
	return max(p.Schedule.LongestGap(missedIntervals), p.Schedule.LongestGap(1)+probe.LongestLooks) + p.Longest()
}
