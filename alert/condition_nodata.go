package alert

import (
	"time"

	"squarewatch/probe"
)

// intervalsWithout is for how many of its intervals a probe may finish no run.
const missedIntervals = 3

// noDataCondition fires when a probe finishes no runs: then the watcher itself is not watching, and its silence means nothing.
type noDataCondition struct {
	schedule probe.Schedule
	longest  time.Duration // that a run can take
	last     time.Time     // when a run finished, or watching began
	due      time.Time     // when the next should have finished, as last computed: it lags behind, so that a run costs nothing
	runs     int
}

func noDataKind() *kind {
	rule := Rule{Name: NoDataRule, Per: PerProbe, Threshold: 1, Clear: 1, MinRuns: 1}
	rule.Defaults()
	rule.Window = 0 // it looks at the time since the last run
	return &kind{
		newCondition: func(_ *Rule, probes []*probe.Probe) condition {
			return &noDataCondition{schedule: probes[0].Schedule, longest: probes[0].Longest()}
		},
		accepts: func(p *probe.Probe) bool { return !p.Schedule.IsZero() },
		builtin: []Rule{rule},

		withoutRuns: true, ignoresParents: true,
	}
}

// observe notes that a run finished.
func (c *noDataCondition) observe(_ *Rule, _ *probe.Result, now time.Time) bool {
	c.last, c.runs = now, 1
	return false
}

// judge compares now with when a run was due.
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

// known is the verdict while no run is overdue: good after a run, and nothing new before the first.
func (c *noDataCondition) levelInTime() level {
	if c.runs == 0 {
		return levelUnknown
	}
	return levelClear
}

// deadline is when three intended runs would have finished. A schedule that is over has none.
func (c *noDataCondition) nextDue() time.Time {
	due := c.last
	for range missedIntervals {
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
func (c *noDataCondition) onset() time.Time { return c.last }

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

// LongestSilence returns for how long a probe may finish no run before the built-in rule fires, where its schedule leaves
// the longest gap in about a month: who cannot follow a schedule compares with that.
func LongestSilence(p *probe.Probe) time.Duration {
	const times = 3000 // of a schedule that is looked at
	begin := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	end, longest := begin.AddDate(0, 0, 31), time.Duration(0)
	var last [missedIntervals]time.Time
	t := p.Schedule.Next(begin)
	for n := 0; n < times && !t.IsZero(); n++ {
		if n >= missedIntervals {
			longest = max(longest, t.Sub(last[n%missedIntervals]))
			if t.After(end) {
				break
			}
		}
		last[n%missedIntervals] = t
		t = p.Schedule.Next(t)
	}
	return longest + p.Longest()
}
