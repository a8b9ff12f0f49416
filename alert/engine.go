package alert

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"squarewatch/probe"
)

// lateResults is how far the end of a result may lie before the latest time seen, for it was only handed over late. More
// than that, and the clock was set back.
const maxResultDelay = time.Minute

// Engine decides what fires and what is over. It is a pure function of the results and times that it is given: it has no
// goroutine, no clock and no log. It must not be used by several goroutines at once; [Evaluator] sees to that.
type Engine struct {
	rules        []*Rule
	all          []*series            // in the order of rules and probes
	byProbe      map[string][]*series // which series a probe's runs belong to
	parents      map[string]*parent   // probes that others depend on
	announcers   map[string]*series   // who speaks for a credential
	timers       timers[*series]
	muting       Muting
	supportAfter time.Duration
	now          time.Time    // the latest time seen
	queued       []Transition // of incidents that a new configuration ended
	removed      []*series    // that an earlier process left firing and that the configuration no longer has
}

// EngineOptions are what an Engine is made of.
type EngineOptions struct {
	Rules        []Rule // with their defaults
	Probes       []probe.Probe
	Maintenance  []Maintenance
	SupportAfter time.Duration // server errors older than this are told once more, as overdue; 0 for never
	Connectivity bool          // runs say when our own network failed
	// Previous is the engine that this one takes the place of; nil for none. It must not be used afterwards, unless
	// NewEngine fails. Rules that count as before keep their windows and incidents, under their new thresholds; an incident
	// whose series is gone is ended by the next Advance, with a note ([EventEnded]).
	Previous *Engine
}

// NewEngine returns an engine that watches the probes by the rules and by the built-in ones.
func NewEngine(options EngineOptions) (*Engine, error) {
	if err := checkRules(options.Rules); err != nil {
		return nil, err
	}
	e := &Engine{
		byProbe: make(map[string][]*series, len(options.Probes)), announcers: map[string]*series{},
		muting: Muting{maintenance: options.Maintenance}, supportAfter: options.SupportAfter,
	}
	for _, k := range kinds() {
		if k.enabled != nil && !k.enabled(&options) {
			continue
		}
		rules := slices.Clone(k.rules(options.Rules))
		for r := range rules {
			e.addRule(k, &rules[r], options.Probes)
		}
	}
	e.orderBySpecificity()
	e.linkParents(options.Probes)
	if options.Previous != nil {
		e.inherit(options.Previous)
	}
	return e, nil
}

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

// watch makes the series of a rule.
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

// Observe takes the result of a run and returns what changed, in order. Runs of unknown probes and runs that our own
// shutdown stopped count nowhere.
func (e *Engine) Observe(r *probe.Result) []Transition {
	if r.Class == probe.ClassNone {
		return nil
	}
	now := e.clock(r.End)
	out := e.catchUp(now)
	if p := e.parents[r.Probe]; p != nil {
		p.failing = !r.Expected
	}
	for _, s := range e.byProbe[r.Probe] {
		s.observe(r, now)
		out = e.step(out, s, now)
	}
	return out
}

// catchUp steps every series at the moments when it was due, and tells what was muted when that ended, until now.
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

// step moves a series to now and tells what came of it.
func (e *Engine) step(out []Transition, s *series, now time.Time) []Transition {
	if event := e.stepState(s, now); event != "" {
		out = append(out, e.transition(s, event, now))
	}
	e.timers.arm(s)
	return out
}

// Advance lets time pass until now and returns what changed by that alone, each at the moment when it was due.
func (e *Engine) Advance(now time.Time) []Transition { return e.catchUp(e.clock(now)) }

// Next returns when passing time alone can change something for the first time, which may lie in the past; zero for never.
func (e *Engine) Next() time.Time {
	switch {
	case len(e.queued) > 0:
		return e.now
	case len(e.timers) == 0:
		return e.muting.change
	}
	return earliest(e.timers[0].due, e.muting.change)
}

// clock takes a time and returns the engine's: it runs forward, but for a clock that was set back.
func (e *Engine) clock(t time.Time) time.Time {
	t = t.Round(0) // the monotonic clock knows nothing of stored results
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

// setBack follows a clock that was set back, so that nothing waits for the old time to come again.
func (e *Engine) setBack(now time.Time) {
	e.now = now
	e.muting.refresh(now)
	for _, s := range e.all {
		s.setBack(now)
		if s.slot >= 0 {
			s.due = now
			e.timers.arm(s)
		}
	}
}

// Snapshot returns every series as it stands at now, in the order of rules and probes.
func (e *Engine) Snapshot(now time.Time) []Status {
	list := make([]Status, 0, len(e.all))
	for _, s := range e.all {
		status := s.status(now)
		if silence := e.muting.silenceOf(s); silence != nil {
			status.SilencedUntil = silence.Until
		}
		list = append(list, status)
	}
	return list
}

// Incidents returns what is firing, as of the latest time seen, oldest first.
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
