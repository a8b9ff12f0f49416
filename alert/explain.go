package alert

import (
	"slices"
	"time"

	"squarewatch/probe"
)

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
func (s *series) orphaned() bool {
	return slices.ContainsFunc(s.parents, func(p *parent) bool { return p.down() })
}

// depend notes which probes the series of a probe wait for.
func (e *Engine) depend(probes []probe.Probe) {
	e.parents = map[string]*parent{}
	for i := range probes {
		for _, name := range probes[i].DependsOn {
			p := e.parents[name]
			if p == nil {
				p = &parent{series: e.ownSeries(name)}
				e.parents[name] = p
			}
			for _, s := range e.ownSeries(probes[i].Name) {
				if !s.rule.absent() && s.rule.Name != AccessRule {
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

// culprit names what is known to be behind the newest bad run of a series: a credential that is dead, or whose login is.
// Empty when nothing is known.
func (s *series) culprit() string {
	if s.examples == nil {
		return ""
	}
	switch newest := &s.examples[0]; newest.Blame {
	case probe.BlameCredential, probe.BlameLoginService:
		return newest.Credential
	case probe.BlameNone, probe.BlameAPI, probe.BlameUnknown, probe.BlameNetwork, probe.BlameWatcher:
	}
	return ""
}

// explains returns the series that fires already and that people were told of, with the same credential behind it: one
// message instead of nine when a shared credential dies. It must have told whoever this one would tell.
func (e *Engine) explains(s *series) *series {
	culprit := s.culprit()
	if culprit == "" {
		return nil
	}
	if leader := e.leaders[culprit]; leader != nil && leader.speaksFor(s) {
		return leader
	}
	return nil
}

// speaksFor reports whether people who would hear of other were told that s fires.
func (s *series) speaksFor(other *series) bool {
	return s != other && s.state == Firing && s.announced && covers(s.rule.Notify, other.rule.Notify)
}

// explained reports whether an incident that people were told of explains a pending series: the same credential is behind it, or
// another rule that counts the same runs has told of them. It asks again after heldPoll only, since every run of an outage comes here.
func (s *series) explained(e *Engine, now time.Time) bool {
	if s.leader != nil && s.leader.state == Firing && now.Sub(s.polled) < heldPoll {
		return true
	}
	s.polled = now
	if s.leader = e.explains(s); s.leader == nil {
		s.leader = e.overlaps(s, now)
	}
	return s.leader != nil
}

// covers reports whether who is told by the one list includes all of the other; an empty list is everybody.
func covers(told, wanted []string) bool {
	if len(told) == 0 {
		return true
	}
	return len(wanted) > 0 && !slices.ContainsFunc(wanted, func(name string) bool { return !slices.Contains(told, name) })
}

// lead makes a series that fires the one that speaks for its credential.
func (e *Engine) lead(s *series) {
	if culprit := s.culprit(); culprit != "" {
		if leader := e.leaders[culprit]; leader == nil || leader.state != Firing {
			e.leaders[culprit] = s
		}
	}
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
		if other.leader == s && other.name == s.name { // another rule of the same runs
			name = other.rule.Name + " " + other.name
		}
		if (other.leader == s || child) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// serverErrors reports whether the newest bad run of a series is one: only then can AISquare's support help.
func (s *series) serverErrors() bool {
	return s.examples != nil && s.examples[0].Class == probe.ServerError
}
