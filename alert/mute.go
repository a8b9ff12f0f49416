package alert

import (
	"fmt"
	"time"
)

// muting is what is muted at one moment, until the next at which that may change.
type muting struct {
	silences    []Silence
	maintenance []Maintenance

	active []Silence
	edge   time.Time // zero for never
}

// Mute replaces the silences that people have set, from now on.
func (e *Engine) Mute(silences []Silence, now time.Time) []Transition {
	now = e.clock(now)
	e.muting.silences = silences
	return e.unmute(e.catchUp(now), now)
}

// look finds what is muted at now.
func (m *muting) look(now time.Time) {
	m.active, m.edge = nil, time.Time{}
	for i := range m.silences {
		s := &m.silences[i]
		switch {
		case s.Active(now):
			m.active = append(m.active, *s)
			m.edge = earliest(m.edge, s.Until)
		case now.Before(s.From):
			m.edge = earliest(m.edge, s.From)
		}
	}
	for i := range m.maintenance {
		if until, ok := m.maintenance[i].until(now); ok {
			m.active = append(m.active, m.maintenance[i].silence(until))
			m.edge = earliest(m.edge, until)
		} else if begin := m.maintenance[i].Schedule.Next(now); !begin.IsZero() {
			m.edge = earliest(m.edge, begin)
		}
	}
}

// over returns the longest silence that mutes a series now; nil for none.
func (m *muting) over(s *series) *Silence {
	var longest *Silence
	for i := range m.active {
		if a := &m.active[i]; a.mutes(s.rule, s.name) && (longest == nil || a.Until.After(longest.Until)) {
			longest = a
		}
	}
	return longest
}

// unmute looks at what is muted from now on, and tells what people missed and would otherwise never hear. What was over
// meanwhile is told in one message.
func (e *Engine) unmute(out []Transition, now time.Time) []Transition {
	e.muting.look(now)
	digest := fmt.Sprintf("unmuted %d", now.Unix())
	for _, s := range e.all {
		if e.muting.over(s) != nil || s.rule.quiet() {
			continue
		}
		if s.owed != nil {
			t := s.settle(now)
			t.Digest = digest
			out = append(out, t)
		}
		if s.state == Firing && !s.announced {
			s.announced, s.told = true, now
			t := s.transition(EventFiring, now)
			t.Digest = digest
			out = append(out, t)
		}
	}
	return out
}
