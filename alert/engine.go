package alert

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"squarewatch/probe"
)

// maxResultDelay is how far the end of a result may lie before the latest time that the engine has seen, because results can arrive late.
// A larger difference means that the clock was set back.
const maxResultDelay = time.Minute

// Engine decides when incidents begin and end. It is a pure function of the results and times that it receives: it has no goroutine, no
// clock and no log. It must not be used by several goroutines at once; [Evaluator] ensures that.
//
// The path of a result: Observe (this file) gives it to each series of its probe (series.go). The series' condition evaluates the series
// (condition_*.go). The state machine (machine.go) turns the resulting level into a change of state and a [Transition].
type Engine struct {
	rules        []*Rule
	all          []*series            // in the order of rules and probes
	byProbe      map[string][]*series // the series in which a probe's runs are counted
	parents      map[string]*parent   // probes that others depend on, by name
	lastGood     map[string]time.Time // by probe: when its last expected run started
	leaders      []*series            // announced incidents, which other series can join or be covered by; some may be over
	timers       timers[*series]
	muting       Muting
	supportAfter time.Duration
	now          time.Time     // the latest time seen
	filled       time.Duration // how far back the windows are full, between BeginFill and EndFill; 0 when all are full
	queued       []Transition  // ends of incidents that the configuration no longer has; Advance returns them
	removed      []removedSeries
}

// EngineOptions configure an Engine.
type EngineOptions struct {
	Rules        []Rule // with their defaults
	Probes       []probe.Probe
	Maintenance  []Maintenance
	SupportAfter time.Duration // server errors that last this long are announced once more, as overdue; 0 for never
	Parts        []Part        // parts of squarewatch itself, whose troubles [Engine.Report] receives
	// Previous is the engine that the new one replaces; nil for none. It must not be used afterwards, unless NewEngine fails. A rule that
	// still counts the same runs keeps its windows and incidents, under its new thresholds. The next Advance ends the other incidents
	// with a note ([EventEnded]).
	Previous *Engine
}

// NewEngine returns an engine with the given rules and the built-in ones.
func NewEngine(options EngineOptions) (*Engine, error) {
	if err := checkRules(options.Rules); err != nil {
		return nil, err
	}
	e := &Engine{
		byProbe: make(map[string][]*series, len(options.Probes)), lastGood: make(map[string]time.Time, len(options.Probes)),
		muting: Muting{maintenance: options.Maintenance}, supportAfter: options.SupportAfter,
	}
	for _, k := range kinds() {
		rules := slices.Clone(k.rules(options.Rules))
		for r := range rules {
			e.addRule(k, &rules[r], options.Probes)
		}
	}
	e.addParts(options.Parts)
	e.orderBySpecificity()
	e.linkParents(options.Probes)
	if options.Previous != nil {
		e.inherit(options.Previous)
	}
	return e, nil
}

// checkRules returns every fault of the rules, joined.
func checkRules(rules []Rule) error {
	var faults []error
	seen := make(map[string]bool, len(rules))
	for i := range rules {
		if err := rules[i].Validate(); err != nil {
			faults = append(faults, fmt.Errorf("rule %q: %w", rules[i].Name, err))
		}
		if seen[rules[i].Name] {
			faults = append(faults, fmt.Errorf("rule %q: the name is taken by an earlier rule: choose another", rules[i].Name))
		}
		seen[rules[i].Name] = true
	}
	return errors.Join(faults...)
}

// addRule adds the series of a rule.
func (e *Engine) addRule(k *kind, rule *Rule, probes []probe.Probe) {
	e.rules = append(e.rules, rule)
	var names []string // in the order of their first probes
	members := make(map[string][]*probe.Probe)
	for i := range probes {
		p := &probes[i]
		if !k.accepts(p) || !rule.Watches(p.Name) {
			continue
		}
		name := rule.SeriesOf(p)
		if members[name] == nil {
			names = append(names, name)
		}
		members[name] = append(members[name], p)
	}
	for _, name := range names {
		s := &series{
			deadline: deadline{order: len(e.all), slot: -1}, kind: k, rule: rule, name: name, condition: k.newCondition(rule, members[name]),
			state: Inactive, severity: rule.Severity,
		}
		if rule.Per == PerProbe {
			s.labels = maps.Clone(members[name][0].Labels)
		}
		e.all = append(e.all, s)
		for _, p := range members[name] {
			e.byProbe[p.Name] = append(e.byProbe[p.Name], s)
		}
	}
}

// Observe evaluates the result of a run and returns the transitions, in order. It ignores runs of unknown probes, and runs that our own
// shutdown stopped.
func (e *Engine) Observe(r *probe.Result) []Transition {
	if r.Class == probe.ClassNone {
		return nil
	}
	now := e.clock(r.End)
	out := e.catchUp(now)
	e.observeProbe(r)
	for _, s := range e.byProbe[r.Probe] {
		s.observe(r, now)
		out = e.step(out, s, now)
	}
	return out
}

// observeProbe records what a run shows about its probe. It does not depend on the rules.
func (e *Engine) observeProbe(r *probe.Result) {
	if p := e.parents[r.Probe]; p != nil {
		p.failing = !r.Expected
	}
	if start := cmp.Or(r.Start, r.End).Round(0); r.Expected && e.byProbe[r.Probe] != nil && start.After(e.lastGood[r.Probe]) {
		e.lastGood[r.Probe] = start
	}
}

// catchUp evaluates every series at the times when it was due, until now. When a silence ends in between, it announces what was muted.
func (e *Engine) catchUp(now time.Time) []Transition {
	out := e.queued
	e.queued = nil
	for {
		edge := e.muting.change
		switch {
		case !edge.IsZero() && !edge.After(now) && (len(e.timers) == 0 || !e.timers[0].due.Before(edge)):
			out = e.unmute(out, edge)
		case len(e.timers) > 0 && !e.timers[0].due.After(now):
			s := e.timers[0]
			out = e.step(out, s, s.due)
		default:
			return out
		}
	}
}

// step evaluates one series at now. It appends the transition, if there is one, to out.
func (e *Engine) step(out []Transition, s *series, now time.Time) []Transition {
	if event := e.stepState(s, now); event != "" {
		out = append(out, e.transition(s, event, now))
	}
	e.timers.arm(s)
	return out
}

// Advance evaluates the passing of time until now and returns the transitions, each at the time when it was due.
func (e *Engine) Advance(now time.Time) []Transition { return e.catchUp(e.clock(now)) }

// Next returns the earliest time at which passing time alone can cause a transition; it may lie in the past. Zero for never.
func (e *Engine) Next() time.Time {
	switch {
	case len(e.queued) > 0:
		return e.now
	case len(e.timers) == 0:
		return e.muting.change
	}
	return earliest(e.timers[0].due, e.muting.change)
}

// clock moves the engine's time to t and returns it. Time only moves forward, unless the clock was set back.
func (e *Engine) clock(t time.Time) time.Time {
	t = t.Round(0) // stored results have no monotonic time, so none is compared
	switch {
	case e.now.IsZero():
		e.now = t
		e.muting.refresh(t)
	case !t.Before(e.now):
		e.now = t
	case e.now.Sub(t) >= maxResultDelay:
		e.setBack(t)
	}
	return e.now
}

// setBack moves all times that lie after now to now, because the clock was set back. Otherwise series would wait until the old time.
func (e *Engine) setBack(now time.Time) {
	e.now = now
	e.muting.refresh(now)
	for name, at := range e.lastGood {
		if at.After(now) {
			e.lastGood[name] = now
		}
	}
	for _, s := range e.all {
		s.setBack(now)
		if s.slot >= 0 {
			s.due = now
			e.timers.arm(s)
		}
	}
}

// Snapshot returns the status of every series at now, in the order of rules and probes.
func (e *Engine) Snapshot(now time.Time) []Status {
	list := make([]Status, 0, len(e.all))
	var figures Incident // used again for each series, because there may be many thousands
	for _, s := range e.all {
		status := s.status(now, &figures)
		if silence := e.muting.silenceOf(s); silence != nil {
			status.SilencedUntil = silence.Until
		}
		list = append(list, status)
	}
	return list
}

// Incidents returns the firing incidents, oldest first.
func (e *Engine) Incidents() []Incident {
	var list []Incident
	for _, s := range e.all {
		if s.state == Firing {
			list = append(list, s.incident(e.now))
		}
	}
	slices.SortStableFunc(list, func(a, b Incident) int { return a.Fired.Compare(b.Fired) })
	return list
}
