package alert

import (
	"slices"
	"strings"
	"time"
)

// seriesKey names a series among all.
type seriesKey struct{ rule, series string }

func (e *Engine) byKey() map[seriesKey]*series {
	keyed := make(map[seriesKey]*series, len(e.all))
	for _, s := range e.all {
		keyed[seriesKey{s.rule.Name, s.name}] = s
	}
	return keyed
}

// inherit takes over what the previous engine knew of the series that are still the same, and ends the other incidents.
func (e *Engine) inherit(previous *Engine) {
	e.now, e.owed, e.muting.silences = previous.now, previous.owed, previous.muting.silences
	if !e.now.IsZero() {
		e.muting.refresh(e.now)
	}
	heirs := e.byKey()
	for _, old := range previous.all {
		heir := heirs[seriesKey{old.rule.Name, old.name}]
		switch {
		case heir != nil && heir.rule.countsLike(old.rule) && heir.condition.inherit(old.condition):
			heir.inherit(old)
			heir.lose(old)
			if heir.state != Inactive || !old.due.IsZero() {
				heir.due = e.now // the thresholds may be others
				e.timers.arm(heir)
			}
			if heir.state == Firing {
				e.lead(heir)
			}
		case old.state == Firing:
			e.owed = append(e.owed, e.abandon(old, e.now, note(heir != nil, e.hasRule(old.rule.Name))))
		case old.owed != nil:
			e.owed = append(e.owed, old.settle(e.now))
		}
	}
	for name, p := range previous.parents {
		if heir := e.parents[name]; heir != nil {
			heir.failing = p.failing
		}
	}
}

func (e *Engine) hasRule(name string) bool {
	for _, rule := range e.rules {
		if rule.Name == name {
			return true
		}
	}
	return false
}

// inherit takes over everything but what the new configuration says.
func (s *series) inherit(old *series) {
	own := *s
	*s = *old
	s.rule, s.order, s.labels, s.parents, s.condition = own.rule, own.order, own.labels, own.parents, own.condition
	s.leader, s.due, s.slot = nil, time.Time{}, -1
}

// lose notes which probes were bad in a firing incident and are no longer in its series: that it ends does not mean they recovered.
func (s *series) lose(old *series) {
	bad := s.stillBad() // of the probes that are still there
	gone := slices.DeleteFunc(old.stillBad(), func(name string) bool { return slices.Contains(bad, name) })
	if s.state == Firing && len(gone) > 0 {
		s.lost = "the rule no longer watches " + strings.Join(gone[:min(len(gone), examplesKept)], ", ") + ", which was still bad"
	}
}

// abandon ends an incident that no series evaluates any more.
func (e *Engine) abandon(s *series, now time.Time, why string) Transition {
	s.enter(Inactive, now)
	t := e.tell(s, EventEnded, now)
	t.Incident.Note = why
	if s.owed != nil { // no series will be there to tell it later: the outbox holds it back
		s.owed, t.Muted = nil, false
		t.State = s.export()
	}
	return t
}

// settle tells what was over while it was silenced, for a series that will not be there when the silence ends.
func (s *series) settle(now time.Time) Transition {
	t := s.transition(overEvent(s.owed.Note), now)
	t.Incident, s.owed = *s.owed, nil
	t.State = s.export()
	return t
}

func note(seriesStays, ruleStays bool) string {
	switch {
	case seriesStays:
		return "the rule was changed and starts to count again"
	case ruleStays:
		return "the rule no longer watches this, or it was removed from the configuration"
	}
	return "the rule was removed from the configuration or renamed"
}
