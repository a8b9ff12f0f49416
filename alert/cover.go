package alert

import (
	"cmp"
	"slices"
	"time"

	"squarewatch/config/setting"
	"squarewatch/probe"
)

// coverPoll is how often a covered series checks whether it is still covered. Without this limit, every run of an outage would search all
// series.
const coverPoll = 5 * time.Second

// isCovered reports whether an announced incident explains a pending series: it blames the same credential, or counts the same runs under
// another rule.
func (s *series) isCovered(e *Engine, now time.Time) bool {
	if s.coveredBy != nil && s.coveredBy.state == Firing && now.Sub(s.coverChecked) < coverPoll {
		return true
	}
	s.coverChecked = now
	if s.coveredBy = e.coveredByCredential(s, now); s.coveredBy == nil {
		s.coveredBy = e.coveredByRuns(s, now)
	}
	return s.coveredBy != nil
}

// coveredByCredential returns the announced, firing series that blames the same credential; nil for none. A refused credential that nine
// probes share is one message, not nine. The other series must be announced to every notifier of s. Its rule must count the answers that
// make s cross, because other answers of the same probes are another problem.
func (e *Engine) coveredByCredential(s *series, now time.Time) *series {
	culprit := s.blamedCredential()
	if culprit == "" {
		return nil
	}
	i := slices.IndexFunc(e.leaders, func(l *series) bool { return l.isAnnouncedFor(s) && l.blamedCredential() == culprit })
	if i < 0 {
		return nil
	}
	leader := e.leaders[i]
	counted := func(name string) bool { // the leader counts what makes the probe cross
		own, none := s.probeFigures(name, now), Incident{}
		return !crossesAlone(&own, s.rule, &none, leader.rule)
	}
	if s.crossesWithout(counted, now) {
		return nil
	}
	return leader
}

// crossesWithout reports whether a series would be crossed even without the probes whose bad runs are explained.
func (s *series) crossesWithout(explained func(probe string) bool, now time.Time) bool {
	if c, ok := s.condition.(groupEvaluator); ok {
		return c.crossesWithout(s.rule, explained, now)
	}
	return !explained(s.name)
}

// blamedCredential returns the credential that caused the bad runs, by itself or by its login service; empty when something else caused
// them, or the cause is unknown.
func (s *series) blamedCredential() string {
	if s.verdicts == nil || s.examples == nil || s.examples[0].Blame == probe.BlameNone {
		return ""
	}
	switch v := s.verdicts.newest(); v.Blame {
	case probe.BlameCredential, probe.BlameLoginService:
		return v.Credential
	case probe.BlameNone, probe.BlameAPI, probe.BlameGateway, probe.BlameRole, probe.BlameNetwork, probe.BlameResolver, probe.BlameWatcher,
		probe.BlameLeak, probe.BlameUnknown:
	}
	return ""
}

// isAnnouncedFor reports whether s fires and was announced to every notifier of other.
func (s *series) isAnnouncedFor(other *series) bool {
	return s != other && s.state == Firing && s.announced && includesAll(s.rule.Notify, other.rule.Notify)
}

// includesAll reports whether a list of notifiers includes all of another; an empty list means every notifier.
func includesAll(notified, wanted []string) bool {
	if len(notified) == 0 {
		return true
	}
	return len(wanted) > 0 && !slices.ContainsFunc(wanted, func(name string) bool { return !slices.Contains(notified, name) })
}

// coveredByRuns returns a firing series of another rule that has announced the same runs; nil for none. Such a series must be at least as
// severe as s and announced to every notifier of s. If s would be crossed even without the probes that such series cover, nothing covers s.
func (e *Engine) coveredByRuns(s *series, now time.Time) *series {
	if s.rule.isBuiltin() {
		return nil // it reports something that no other rule does
	}
	var first *series
	announced := func(name string) bool {
		i := slices.IndexFunc(e.byProbe[name], func(other *series) bool { return other.coversRuns(s, name, now) })
		if i >= 0 && first == nil {
			first = e.byProbe[name][i]
		}
		return i >= 0
	}
	if s.crossesWithout(announced, now) {
		return nil
	}
	return first
}

// coversRuns reports whether the incident of s already announces the runs of a probe that other counts as bad.
func (s *series) coversRuns(other *series, name string, now time.Time) bool {
	if !s.isAnnouncedFor(other) || rank(s.severity) > rank(other.severityNow()) {
		return false
	}
	own, others := s.probeFigures(name, now), other.probeFigures(name, now)
	if own.Bad == 0 || crossesAlone(&others, other.rule, &own, s.rule) {
		return false
	}
	return s.rule.isBuiltin() || !crossesAlone(&own, s.rule, &others, other.rule)
}

// probeFigures returns the figures of one probe of a series.
func (s *series) probeFigures(name string, now time.Time) Incident {
	figures := Incident{Threshold: s.rule.Threshold}
	if c, ok := s.condition.(groupEvaluator); ok {
		c.describeProbe(name, &figures, now)
	} else {
		s.condition.describe(&figures, now)
	}
	return figures
}

// crossesAlone reports whether a probe's runs would cross a rule without the runs that another rule counts as bad too.
func crossesAlone(own *Incident, rule *Rule, others *Incident, other *Rule) bool {
	alone := own.Bad
	for _, c := range own.Classes {
		shared := probe.MatchAny(other.On, probe.Outcome{Class: c.Class, Code: c.Code})
		if other.isBuiltin() {
			shared = slices.ContainsFunc(others.Classes, func(o ClassCount) bool { return o.Class == c.Class && o.Code == c.Code })
		}
		if shared {
			alone -= c.Runs
		}
	}
	return crossesWith(alone, own, rule)
}

// crossesWith reports whether figures would cross a rule with this number of bad runs.
func crossesWith(bad int, figures *Incident, rule *Rule) bool {
	if !figures.Condition.isShare() {
		return bad > 0
	}
	return bad > 0 && setting.Share(bad)/setting.Share(max(figures.Runs, 1)) >= rule.Threshold
}

// parent is a probe that others depend on.
type parent struct {
	series  []*series // of the parent alone
	failing bool      // its last run was unexpected
}

// isDown reports whether the parent explains failures of its children: its last run failed, or one of its series fires.
func (p *parent) isDown() bool {
	return p.failing || slices.ContainsFunc(p.series, func(s *series) bool { return s.state == Firing })
}

// parentDown reports whether the probe of a series depends on one that is down. Checking one step is enough: a parent that fails because
// of its own parent is failing too.
func (s *series) parentDown() bool {
	return slices.ContainsFunc(s.parents, func(p *parent) bool { return p.isDown() })
}

// linkParents connects the series of each probe with the probes that it depends on.
func (e *Engine) linkParents(probes []probe.Probe) {
	e.parents = map[string]*parent{}
	for i := range probes {
		for _, name := range probes[i].DependsOn {
			p := e.parents[name]
			if p == nil {
				p = &parent{series: e.ownSeries(name)}
				e.parents[name] = p
			}
			for _, s := range e.ownSeries(probes[i].Name) {
				if !s.kind.ignoresParents {
					s.parents = append(s.parents, p)
				}
			}
		}
	}
}

// ownSeries returns the series that count one probe alone.
func (e *Engine) ownSeries(name string) []*series {
	var own []*series
	for _, s := range e.byProbe[name] {
		if s.rule.Per == PerProbe {
			own = append(own, s)
		}
	}
	return own
}

// affected returns the series that are not announced because of a firing one.
func (e *Engine) affected(s *series) []string {
	var names []string
	for _, other := range e.all {
		if other.state != Pending {
			continue
		}
		child := slices.ContainsFunc(other.parents, func(p *parent) bool { return slices.Contains(p.series, s) })
		name := other.name
		if other.coveredBy == s && other.name == s.name { // the same series under another rule
			name = other.rule.Name + " " + other.name
		}
		if (other.coveredBy == s || child) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// orderBySpecificity sorts series from the most to the least specific. The first of them announces runs that several of them count. A
// series is more specific if its rule selects fewer outcomes. If that is equal, per probe comes before per credential, and that before per
// all. Then the order in the configuration decides.
func (e *Engine) orderBySpecificity() {
	outcomes := make(map[*Rule]int, len(e.rules))
	for _, rule := range e.rules {
		outcomes[rule] = rule.outcomes()
	}
	sizes := map[Per]int{PerProbe: 0, PerCredential: 1, PerAll: 2}
	ordered := slices.Clone(e.all)
	slices.SortStableFunc(ordered, func(a, b *series) int {
		return cmp.Or(cmp.Compare(outcomes[a.rule], outcomes[b.rule]), cmp.Compare(sizes[a.rule.Per], sizes[b.rule.Per]))
	})
	for i, s := range ordered {
		s.order = i
	}
	for _, list := range e.byProbe {
		slices.SortFunc(list, func(a, b *series) int { return cmp.Compare(a.order, b.order) })
	}
}

// outcomes counts the outcomes that a rule selects: every status code, and every class without one.
func (r *Rule) outcomes() int {
	n := 0
	for _, class := range probe.Classes() {
		if class.IsTransport() && probe.MatchAny(r.On, probe.Outcome{Class: class}) {
			n++
		}
	}
	for code := 100; code < 600; code++ {
		if probe.MatchAny(r.On, probe.Outcome{Class: probe.ClassOfStatus(code), Code: code}) {
			n++
		}
	}
	return n
}
