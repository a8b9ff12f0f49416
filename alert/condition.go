package alert

import (
	"time"

	"squarewatch/probe"
)

// verdict is what a condition says of a series at one moment.
type verdict uint8

const (
	unknown verdict = iota // too little is known: nothing changes
	under                  // good enough to resolve
	between                // neither: what does not fire keeps silent, what fires goes on
	over                   // bad enough to fire
)

// condition judges one series and keeps what it needs for that. It is the state machine's only source, so that a new way
// to judge is a file condition_<name>.go and a line in kinds.
type condition interface { //nolint:interfacebloat // one judgement: what it sees, says, tells and hands on
	// observe takes a finished run, at a time not before its end, and reports whether the rule counts it as bad.
	observe(rule *Rule, r *probe.Result, now time.Time) bool
	// judge says how the series stands, and when passing time alone may change that; zero for never.
	judge(rule *Rule, now time.Time) (verdict, time.Time)
	// describe fills in Condition, Rate, Runs, Bad and whatever else it knows, as it is at now.
	describe(incident *Incident, now time.Time)
	// inherit takes over what an earlier condition of the same series has seen; false when that one judged otherwise.
	inherit(old condition) bool
}

// What only some conditions can do. The engine asks for each of these by its interface, never for a condition by its type.
type (
	// restarter is a condition that watches time itself: it begins again at now, after a time in which it did not run.
	restarter interface{ restart(now time.Time) }
	// rememberer is a condition that judges by earlier runs. It returns what must be recalled after a restart of the process: the runs
	// of so long, and so many of the last runs of a probe, however old.
	rememberer interface {
		remembers(rule *Rule, probe string) (window time.Duration, last int)
	}
	// grader is a condition whose urgency changes.
	grader interface{ severity(rule *Rule) Severity }
	// grouper is a condition of several probes.
	grouper interface {
		// stillBad returns the probes whose last run was bad and ended after since.
		stillBad(since time.Time) []string
		// badProbes returns those of which a bad run counts.
		badProbes() []string
		// describeProbe fills in the figures of one probe.
		describeProbe(name string, incident *Incident, now time.Time)
	}
)

// kind is a way to judge.
type kind struct {
	begin   func(*Rule, []*probe.Probe) condition // of a series of these probes, at least one
	watches func(*probe.Probe) bool               // which probes it can judge
	builtin []Rule                                // rules of this kind that nobody needs to write
}

// kinds returns every way to judge. The first is that of the rules in the file.
func kinds() []kind {
	return []kind{fileKind(), breachKind(), noDataKind(), networkKind(), watcherKind()}
}

// fileKind is that of the rules in the file. A rule per credential or over all probes evaluates the whole and each probe in it.
func fileKind() kind {
	return kind{
		begin: func(rule *Rule, probes []*probe.Probe) condition {
			if rule.Per == PerProbe {
				return newShareCondition(rule, rule.Rarely(probes[0]))
			}
			return newGroupCondition(rule, probes)
		},
		watches: func(*probe.Probe) bool { return true },
	}
}

// newShareCondition returns an objective's budget, a rate, or a streak where runs are too rare for a rate.
func newShareCondition(rule *Rule, rare bool) condition {
	switch {
	case rule.Objective > 0:
		return newBurnCondition(rule, rare)
	case rare:
		return &streakCondition{}
	}
	return newRateCondition(rule)
}

// counts reports whether a rule looks at a run at all: what failed on our own side says nothing about the API.
func counts(r *probe.Result) bool { return !r.Blame.Ours() }

// bad reports whether a rule of the file counts a run as bad. An expected answer never is.
func (r *Rule) bad(result *probe.Result) bool {
	return !result.Expected && probe.MatchAny(r.On, result.Outcome())
}

// Rarely reports whether a probe by itself runs too seldom for the rule to evaluate its rate, so that the rule evaluates its streak.
// What counts is when the probe runs most: one that runs at night or at weekends only has a rate then.
func (r *Rule) Rarely(p *probe.Probe) bool {
	if p.Schedule.IsZero() {
		return false
	}
	window := r.Window
	if r.Objective > 0 {
		window = burnPairs(r.Period)[0].long
	}
	// A run counts for at least so long, and not longer than the window.
	return p.Schedule.Busiest(window-window/buckets) < r.MinRuns
}
