package alert

import (
	"net/http"
	"slices"
	"time"

	"squarewatch/probe"
)

// level is the position of a series relative to its thresholds at one time.
type level uint8

const (
	levelUnknown level = iota // too few runs: nothing changes
	levelClear                // good enough to resolve
	levelBetween              // neither: nothing changes
	levelCrossed              // bad enough to fire
)

// condition evaluates one series and keeps the counts that it needs. The state machine evaluates series only through this interface, so a
// new way to evaluate is one file condition_<name>.go and one line in kinds.
type condition interface { //nolint:interfacebloat // the four methods are one ability: to evaluate
	// observe counts a finished run at now, which is not before the run's end. It reports whether the rule counts the run as bad.
	observe(rule *Rule, r *probe.Result, now time.Time) bool
	// evaluate returns the level, and the next time at which passing time alone may change it; zero for never.
	evaluate(rule *Rule, now time.Time) (level, time.Time)
	// describe sets Condition, Rate, Runs, Bad and whatever else the condition knows, as of now.
	describe(incident *Incident, now time.Time)
	// inherit copies the counts of an earlier condition of the same series; false when that one evaluates differently.
	inherit(old condition) bool
}

// Optional abilities of conditions. The engine asks for these interfaces, never for the type of a condition.
type (
	// restarter is a condition that measures time: restart makes it begin again at now, after a time in which it was not watching.
	restarter interface{ restart(now time.Time) }
	// recaller is a condition that needs earlier runs after a restart. lookback returns the period of which it needs all runs, and how
	// many of a probe's last runs it needs, however old they are.
	recaller interface {
		lookback(rule *Rule, probe string) (window time.Duration, last int)
	}
	// grader is a condition whose severity changes.
	grader interface{ severity(rule *Rule) Severity }
	// onsetReporter is a condition that knows when its problem began, where no bad run shows it.
	onsetReporter interface{ onset() time.Time }
	// spanReporter is a condition that knows which bad runs made it cross. badSpan returns false when they are the bad runs in the window.
	spanReporter interface{ badSpan() (BadSpan, bool) }
	// groupEvaluator is a condition of several probes.
	groupEvaluator interface { //nolint:interfacebloat // the four methods are one ability: to evaluate several probes
		// stillBad returns the probes whose last run was bad and ended after since.
		stillBad(since time.Time) []string
		// contains reports whether a probe is in the group.
		contains(probe string) bool
		// crossesWithout reports whether the group would be crossed without the bad runs of the probes for which explained is true.
		crossesWithout(rule *Rule, explained func(probe string) bool, now time.Time) bool
		// describeProbe sets the figures of one probe.
		describeProbe(name string, incident *Incident, now time.Time)
	}
)

// kind is one way to evaluate series, with its built-in rules. It holds what the engine must know of a kind, so that the
// engine never depends on the type of a condition or on the name of a rule.
type kind struct {
	newCondition func(*Rule, []*probe.Probe) condition // for a series of these probes, of which there is at least one
	accepts      func(*probe.Probe) bool               // whether the kind can evaluate a probe
	builtin      []Rule                                // rules that exist without the configuration file

	withoutRuns    bool // it fires because runs are missing: no bad run is needed as evidence, and there are no figures to save
	endOnly        bool // the end of an incident is announced, and its beginning only when it has lasted for endOnlyUntil
	ignoresParents bool // a failing parent (depends_on) does not explain its incidents
}

// kinds returns every way to evaluate. The first is the kind of the rules in the configuration file.
func kinds() []*kind {
	return []*kind{fileKind(), breachKind(), noDataKind(), networkKind(), watcherKind()}
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

// fileKind returns the kind of the rules in the configuration file. A rule per credential, or over all probes, evaluates its probes
// together, and each of them by itself.
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

// newShareCondition returns the condition for an objective, a rate, or a streak where runs are too rare for a rate.
func newShareCondition(rule *Rule, rare bool) condition {
	switch {
	case rule.Objective > 0:
		return newBurnCondition(rule, rare)
	case rare:
		return &streakCondition{}
	}
	return newRateCondition(rule)
}

// countsRun reports whether rules count a run at all. A run that failed on our own side says nothing about the API.
func countsRun(r *probe.Result) bool { return !r.Blame.Ours() }

// Counts reports whether a rule of the configuration file counts a run at all, and whether it counts the run as bad.
func (r *Rule) Counts(result *probe.Result) (counted, bad bool) {
	return countsRun(result), r.bad(result)
}

// bad reports whether a rule of the configuration file counts a run as bad. An expected answer is never bad. A gateway may send a page
// with 200 in place of the API's answer. Such a page also counts as a 503, because users of the API get no answer.
func (r *Rule) bad(result *probe.Result) bool {
	if result.Expected {
		return false
	}
	outcome := result.Outcome()
	if result.Blame == probe.BlameGateway && result.Class == probe.Success && !result.Breach {
		unavailable := probe.Outcome{Class: probe.ServerError, Code: http.StatusServiceUnavailable}
		return probe.MatchAny(r.On, outcome) || probe.MatchAny(r.On, unavailable)
	}
	return probe.MatchAny(r.On, outcome)
}

// Rarely reports whether a probe runs too seldom for a rate in the rule's window, so that the rule evaluates its streak. The busiest part
// of the schedule counts, so a probe that runs only at night has a rate.
func (r *Rule) Rarely(p *probe.Probe) bool {
	if p.Schedule.IsZero() {
		return false
	}
	return p.Schedule.Busiest(r.rateWindow()) < r.MinRuns
}

// rarelyTogether reports whether some probes together run too seldom for the rule to evaluate their rate.
func (r *Rule) rarelyTogether(probes []*probe.Probe) bool {
	runs := 0
	for _, p := range probes {
		if p.Schedule.IsZero() {
			return false
		}
		runs += p.Schedule.Busiest(r.rateWindow())
	}
	return runs < r.MinRuns
}

// rateWindow returns the least time for which a run counts in a rate of the rule: 59/60 of the window.
func (r *Rule) rateWindow() time.Duration {
	window := r.Window
	if r.Objective > 0 {
		window = burnPairs(r.Period)[0].long
	}
	return window - window/buckets
}

// copyState copies the earlier condition old to c; false when old is of another kind. It is for conditions whose state does not depend on
// the rule.
func copyState[C any](c *C, old condition) bool {
	before, ok := any(old).(*C)
	if ok {
		*c = *before
	}
	return ok
}
