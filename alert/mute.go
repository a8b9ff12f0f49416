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
	looked time.Time // when active and edge were computed
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
	m.active, m.looked, m.edge = nil, now, time.Time{}
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
func (m *muting) over(s *series) *Silence { return m.longest(s.rule.Name, s.rule.Per, s.name) }

// until returns when an incident is no longer muted, as seen from now; zero when nothing mutes it at now.
func (m *muting) until(i *Incident, now time.Time) time.Time {
	if m.looked.IsZero() || now.Before(m.looked) || !m.edge.IsZero() && !now.Before(m.edge) {
		m.look(now)
	}
	if silence := m.longest(i.Rule, i.Per, i.Series); silence != nil {
		return silence.Until
	}
	return time.Time{}
}

func (m *muting) longest(rule string, per Per, series string) *Silence {
	var longest *Silence
	for i := range m.active {
		if a := &m.active[i]; a.mutes(rule, per, series) && (longest == nil || a.Until.After(longest.Until)) {
			longest = a
		}
	}
	return longest
}

// unmuteDigest makes one message of the changes that were held back until a time.
func unmuteDigest(until time.Time) string { return fmt.Sprintf("unmuted %d", until.Unix()) }

// Reannounce returns what fires and is not muted, for notifiers that never received FIRING of it: a reload or a restart may
// have added one. What was held back by maintenance that is gone from the configuration is announced as well.
func (e *Engine) Reannounce(now time.Time) []Transition {
	now = e.clock(now)
	return e.unmute(e.catchUp(now), now)
}

// unmute looks at what is muted from now on, and announces what people missed. What was over meanwhile is one message. What
// fires was perhaps announced before it was muted, and waited in the outbox, which then dropped it: it is announced again to
// the notifiers that never received it.
func (e *Engine) unmute(out []Transition, now time.Time) []Transition {
	e.muting.look(now)
	digest := unmuteDigest(now)
	for _, s := range e.all {
		if e.muting.over(s) != nil || s.rule.quiet() {
			continue
		}
		if s.owed != nil {
			t := s.settle(now)
			t.Digest = digest
			out = append(out, t)
		}
		if s.state != Firing {
			continue
		}
		again := s.announced
		if !again {
			s.announced, s.told = true, now
		}
		t := s.transition(EventFiring, now)
		t.Digest, t.Reannounced = digest, again
		out = append(out, t)
	}
	return out
}
