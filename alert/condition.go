package alert

import (
	"slices"
	"time"

	"squarewatch/probe"
)

// verdict is what a condition says of a series at one moment.
type level uint8

const (
	levelUnknown level = iota // too little is known: nothing changes
	levelClear                // good enough to resolve
	levelBetween              // neither: what does not fire keeps silent, what fires goes on
	levelCrossed              // bad enough to fire
)

// condition judges one series and keeps what it needs for that. It is the state machine's only source, so that a new way
// to judge is a file condition_<name>.go and a line in kinds.
type condition interface { //nolint:interfacebloat // one judgement: what it sees, says, tells and hands on
	// observe takes a finished run, at a time not before its end, and reports whether the rule counts it as bad.
	observe(rule *Rule, r *probe.Result, now time.Time) bool
	// judge says how the series stands, and when passing time alone may change that; zero for never.
	evaluate(rule *Rule, now time.Time) (level, time.Time)
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
	// onsetReporter is a condition that knows when its problem began, where that was not with a bad run.
	onsetReporter interface{ onset() time.Time }
	grouper       interface {
		// stillBad returns the probes whose last run was bad and ended after since.
		stillBad(since time.Time) []string
		// has reports whether a probe is in the group.
		has(probe string) bool
		// badProbes returns those of which a bad run counts.
		badProbes() []string
		// describeProbe fills in the figures of one probe.
		describeProbe(name string, incident *Incident, now time.Time)
	}
)

// kind is one way to evaluate series, with its built-in rules. What the engine must know of a kind stands here, so that the engine
// asks no condition for its type and no rule for its name.
type kind struct {
	newCondition func(*Rule, []*probe.Probe) condition // for a series of these probes, of which there is at least one
	accepts      func(*probe.Probe) bool               // whether the kind can evaluate a probe
	builtin      []Rule                                // rules that exist without the configuration file
	enabled      func(*EngineOptions) bool             // whether the built-in rules are used; nil for always

	withoutRuns    bool // it fires because runs are missing: no bad run is needed as evidence, and there are no figures to save
	endOnly        bool // people are told only of the end of an incident
	ignoresParents bool // a failing parent (depends_on) does not explain its incidents
}

// kinds returns every way to evaluate. The first is the kind of the rules in the configuration file.
func kinds() []*kind {
	return []*kind{fileKind(), breachKind(), noDataKind(), networkKind()}
}

// rules returns the rules of a kind, given those of the configuration file.
func (k *kind) rules(fromFile []Rule) []Rule {
	if k.builtin != nil {
		return k.builtin
	}
	return fromFile
}

// kindOf returns the kind of a rule by the rule's name.
func kindOf(name string) *kind {
	all := kinds()
	for _, k := range all {
		if slices.ContainsFunc(k.builtin, func(r Rule) bool { return r.Name == name }) {
			return k
		}
	}
	return all[0]
}

// fileKind is that of the rules in the file. A rule per credential or over all probes evaluates the whole and each probe in it.
func fileKind() *kind {
	return &kind{
		newCondition: func(rule *Rule, probes []*probe.Probe) condition {
			if rule.Per == PerProbe {
				return newShareCondition(rule, rule.Rarely(probes[0]))
			}
			return newGroupCondition(rule, probes)
		},
		accepts: func(*probe.Probe) bool { return true },
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

// counts reports whether a rule looks at a run at all: what failed because our own network did says nothing of the API.
func countsRun(r *probe.Result) bool { return r.Blame != probe.BlameNetwork }

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
