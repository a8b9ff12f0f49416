package alert

import (
	"cmp"
	"slices"
	"time"

	"squarewatch/probe"
)

// heldPoll is how often a series that waits for another is looked at again.
const coverPoll = 5 * time.Second

// explained reports whether an incident that people were told of explains a pending series: the same credential is behind it, or
// another rule that counts the same runs has told of them. It asks again after heldPoll only, since every run of an outage comes here.
func (s *series) isCovered(e *Engine, now time.Time) bool {
	if s.coveredBy != nil && s.coveredBy.state == Firing && now.Sub(s.coverChecked) < coverPoll {
		return true
	}
	s.coverChecked = now
	if s.coveredBy = e.coveredByCredential(s); s.coveredBy == nil {
		s.coveredBy = e.coveredByRuns(s, now)
	}
	return s.coveredBy != nil
}

// explains returns the series that fires already and that people were told of, with the same credential behind it: one
// message instead of nine when a shared credential dies. It must have told whoever this one would tell.
func (e *Engine) coveredByCredential(s *series) *series {
	culprit := s.blamedCredential()
	if culprit == "" {
		return nil
	}
	if leader := e.announcers[culprit]; leader != nil && leader.isAnnouncedFor(s) {
		return leader
	}
	return nil
}

// culprit names what is known to be behind the newest bad run of a series: a credential that is dead, or whose login is.
// Empty when nothing is known.
func (s *series) blamedCredential() string {
	if s.examples == nil {
		return ""
	}
	switch newest := &s.examples[0]; newest.Blame {
	case probe.BlameCredential, probe.BlameLoginService:
		return newest.Credential
	case probe.BlameNone, probe.BlameAPI, probe.BlameUnknown, probe.BlameNetwork:
	}
	return ""
}

// lead makes a series that fires the one that speaks for its credential.
func (e *Engine) recordAnnouncer(s *series) {
	if culprit := s.blamedCredential(); culprit != "" {
		if leader := e.announcers[culprit]; leader == nil || leader.state != Firing {
			e.announcers[culprit] = s
		}
	}
}

// speaksFor reports whether people who would hear of other were told that s fires.
func (s *series) isAnnouncedFor(other *series) bool {
	return s != other && s.state == Firing && s.announced && includesAll(s.rule.Notify, other.rule.Notify)
}

// covers reports whether who is told by the one list includes all of the other; an empty list is everybody.
func includesAll(told, wanted []string) bool {
	if len(told) == 0 {
		return true
	}
	return len(wanted) > 0 && !slices.ContainsFunc(wanted, func(name string) bool { return !slices.Contains(told, name) })
}

// overlaps returns a firing series of another rule that has told of the same runs; nil where there is none, or not for every probe
// that is bad in s. It must be as urgent as s and have told whoever s would tell.
func (e *Engine) coveredByRuns(s *series, now time.Time) *series {
	if s.rule.isBuiltin() {
		return nil // it reports something that no other rule does
	}
	var first *series
	for _, name := range s.badProbes() {
		i := slices.IndexFunc(e.byProbe[name], func(other *series) bool { return other.coversRuns(s, name, now) })
		if i < 0 {
			return nil
		}
		if first == nil {
			first = e.byProbe[name][i]
		}
	}
	return first
}

// probesBad returns the probes of a series of which a bad run counts.
func (s *series) badProbes() []string {
	if c, ok := s.condition.(grouper); ok {
		return c.badProbes()
	}
	return []string{s.name}
}

// tells reports whether the incident of s is about the runs of a probe that other counts.
func (s *series) coversRuns(other *series, name string, now time.Time) bool {
	if !s.isAnnouncedFor(other) || rank(s.severity) > rank(other.severityNow()) {
		return false
	}
	own, others := s.probeFigures(name, now), other.probeFigures(name, now)
	return own.Bad > 0 && !crossesAlone(&others, other.rule, &own, s.rule) && (s.rule.isBuiltin() || !crossesAlone(&own, s.rule, &others, other.rule))
}

// ofProbe returns the figures of one probe of a series.
func (s *series) probeFigures(name string, now time.Time) Incident {
	figures := Incident{Threshold: s.rule.Threshold}
	if c, ok := s.condition.(grouper); ok {
		c.describeProbe(name, &figures, now)
	} else {
		s.condition.describe(&figures, now)
	}
	return figures
}

// crosses reports whether a probe's runs would cross a rule without those that another rule counts as bad too.
func crossesAlone(own *Incident, rule *Rule, others *Incident, other *Rule) bool {
	alone := own.Bad
	for _, c := range own.Classes {
		shared := probe.MatchAny(other.On, probe.Outcome{Class: c.Class, Code: c.Code})
		if shared || other.isBuiltin() && slices.ContainsFunc(others.Classes, func(o ClassCount) bool { return o.Class == c.Class && o.Code == c.Code }) {
			alone -= c.Runs
		}
	}
	if !own.Condition.isShare() {
		return alone > 0
	}
	return alone > 0 && Share(alone)/Share(max(own.Runs, 1)) >= rule.Threshold
}

// parent is a probe that others depend on, with how it stands.
type parent struct {
	series  []*series // its own
	failing bool      // its last run was unexpected
}

// down reports whether the parent explains that its children fail: it fires, or is about to.
func (p *parent) down() bool {
	return p.failing || slices.ContainsFunc(p.series, func(s *series) bool { return s.state == Firing })
}

// orphaned reports whether the probe of a series depends on one that is down. One step is enough: a parent that fails
// because of its own parent is failing too.
func (s *series) parentDown() bool {
	return slices.ContainsFunc(s.parents, func(p *parent) bool { return p.down() })
}

// depend notes which probes the series of a probe wait for.
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

// ownSeries returns the series of a probe alone.
func (e *Engine) ownSeries(name string) []*series {
	var own []*series
	for _, s := range e.byProbe[name] {
		if s.rule.Per == PerProbe {
			own = append(own, s)
		}
	}
	return own
}

// affected returns the series that stay silent because of one that fires.
func (e *Engine) affected(s *series) []string {
	var names []string
	for _, other := range e.all {
		if other.state != Pending {
			continue
		}
		child := slices.ContainsFunc(other.parents, func(p *parent) bool { return slices.Contains(p.series, s) })
		name := other.name
		if other.coveredBy == s && other.name == s.name { // another rule of the same runs
			name = other.rule.Name + " " + other.name
		}
		if (other.coveredBy == s || child) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// bySpecificity orders series so that of several that cross with the same run the most specific is first: that of the rule with the
// fewest outcomes, then the one with the fewest runs, then the first in the configuration.
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

// outcomes counts the unexpected outcomes that a rule counts as bad: every status code, and every class without one.
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
