package alert

import (
	"time"

	"squarewatch/probe"
)

// intervalsWithout is for how many of its intervals a probe may finish no run.
const intervalsWithout = 3

// noDataCondition fires when a probe finishes no runs: then the watcher itself is not watching, and its silence means nothing.
type noDataCondition struct {
	schedule probe.Schedule
	longest  time.Duration // that a run can take
	last     time.Time     // when a run finished, or watching began
	due      time.Time     // when the next should have finished, as last computed: it lags behind, so that a run costs nothing
	runs     int
}

func noDataKind() kind {
	rule := Rule{Name: NoDataRule, Per: PerProbe, Threshold: 1, Clear: 1, MinRuns: 1}
	rule.Defaults()
	rule.Window = 0 // it looks at the time since the last run
	return kind{
		begin: func(_ *Rule, probes []*probe.Probe) condition {
			return &noDataCondition{schedule: probes[0].Schedule, longest: probes[0].Longest()}
		},
		watches: func(p *probe.Probe) bool { return !p.Schedule.IsZero() },
		builtin: []Rule{rule},
	}
}

// observe notes that a run finished.
func (c *noDataCondition) observe(_ *Rule, _ *probe.Result, now time.Time) bool {
	c.last, c.runs = now, 1
	return false
}

// judge compares now with when a run was due.
func (c *noDataCondition) judge(_ *Rule, now time.Time) (verdict, time.Time) {
	if c.last.IsZero() {
		c.last = now // watching begins
	}
	if now.Before(c.due) {
		return c.known(), c.due
	}
	c.due = c.deadline()
	if now.Before(c.due) {
		return c.known(), c.due
	}
	return over, time.Time{}
}

// known is the verdict while no run is overdue: good after a run, and nothing new before the first.
func (c *noDataCondition) known() verdict {
	if c.runs == 0 {
		return unknown
	}
	return under
}

// deadline is when three intended runs would have finished. A schedule that is over has none.
func (c *noDataCondition) deadline() time.Time {
	due := c.last
	for range intervalsWithout {
		if due = c.schedule.Next(due); due.IsZero() {
			return c.last.AddDate(100, 0, 0)
		}
	}
	return due.Add(c.longest)
}

// describe tells for how long there was nothing.
func (c *noDataCondition) describe(incident *Incident, _ time.Time) {
	incident.Condition = ConditionNoData
	incident.Runs = c.runs
	if incident.Resolved.IsZero() && !incident.Fired.IsZero() {
		incident.Runs, incident.Bad, incident.Rate = 0, 0, 1
	}
}

// began returns when the problem began: with the last run, as none has been bad.
func (c *noDataCondition) began() time.Time { return c.last }

// inherit keeps the last run, under the probe's schedule as it is now.
func (c *noDataCondition) inherit(old condition) bool {
	before, ok := old.(*noDataCondition)
	if ok {
		c.last, c.runs = before.last, before.runs
	}
	return ok
}

// restart begins to wait at now.
func (c *noDataCondition) restart(now time.Time) { c.last, c.due = now, time.Time{} }

// LongestSilence returns for how long a probe may finish no run before the built-in rule fires, where its schedule leaves the longest gap:
// what cannot follow a schedule compares with that.
func LongestSilence(p *probe.Probe) time.Duration {
	return p.Schedule.LongestGap(intervalsWithout) + p.Longest()
}
