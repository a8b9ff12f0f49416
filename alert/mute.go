package alert

import (
	"fmt"
	"time"
)

// Muting knows which silences and which maintenance are active at a time. It computes them only when they may have changed.
// The zero value mutes nothing. It must not be used by several goroutines at once.
type Muting struct {
	silences    []Silence
	maintenance []Maintenance

	active   []Silence
	computed time.Time // when active and change were computed; zero for never
	change   time.Time // when active may change next; zero for never
}

// SetSilences replaces the silences from now on.
func (m *Muting) SetSilences(silences []Silence, now time.Time) {
	m.silences = silences
	m.refresh(now)
}

// SetMaintenance replaces the maintenance of the configuration from now on.
func (m *Muting) SetMaintenance(maintenance []Maintenance, now time.Time) {
	m.maintenance = maintenance
	m.refresh(now)
}

// Mute replaces the silences that people have set, from now on. It returns what must be announced because a silence no longer applies.
func (e *Engine) Mute(silences []Silence, now time.Time) []Transition {
	now = e.clock(now)
	e.muting.silences = silences
	return e.unmute(e.catchUp(now), now)
}

// refresh computes what is active at now.
func (m *Muting) refresh(now time.Time) {
	m.active, m.computed, m.change = nil, now, time.Time{}
	for i := range m.silences {
		s := &m.silences[i]
		switch {
		case s.Active(now):
			m.active = append(m.active, *s)
			m.change = earliest(m.change, s.Until)
		case now.Before(s.From):
			m.change = earliest(m.change, s.From)
		}
	}
	for i := range m.maintenance {
		if until, ok := m.maintenance[i].until(now); ok {
			m.active = append(m.active, m.maintenance[i].silence(until))
			m.change = earliest(m.change, until)
		} else if begin := m.maintenance[i].Schedule.Next(now); !begin.IsZero() {
			m.change = earliest(m.change, begin)
		}
	}
}

// silenceOf returns the active silence of a series that ends last; nil for none.
func (m *Muting) silenceOf(s *series) *Silence { return m.longest(s.rule.Name, s.rule.Per, s.name) }

// Until returns when the silences that are active at now stop muting an incident; zero when none mutes it at now.
func (m *Muting) Until(i *Incident, now time.Time) time.Time {
	if m.computed.IsZero() || now.Before(m.computed) || !m.change.IsZero() && !now.Before(m.change) {
		m.refresh(now)
	}
	if silence := m.longest(i.Rule, i.Per, i.Series); silence != nil {
		return silence.Until
	}
	return time.Time{}
}

// longest returns the active silence of a series that ends last; nil for none.
func (m *Muting) longest(rule string, per Per, series string) *Silence {
	var longest *Silence
	for i := range m.active {
		if a := &m.active[i]; a.mutes(rule, per, series) && (longest == nil || a.Until.After(longest.Until)) {
			longest = a
		}
	}
	return longest
}

// UnmuteDigest is the [Transition] digest of all changes that were muted until a time, which become one message.
func UnmuteDigest(until time.Time) string { return fmt.Sprintf("unmuted %d", until.Unix()) }

// Reannounce returns FIRING for every incident that fires and is not muted, for notifiers that never received it: a reload or a restart
// may have added a notifier. It also announces what was held back by maintenance that the configuration no longer has.
func (e *Engine) Reannounce(now time.Time) []Transition {
	now = e.clock(now)
	return e.unmute(e.catchUp(now), now)
}

// unmute computes what is muted from now on, and announces what is no longer muted. Ends that were held back become one message. A firing
// incident is announced again to notifiers that never received it, because the outbox drops FIRING that waits during a silence.
func (e *Engine) unmute(out []Transition, now time.Time) []Transition {
	e.muting.refresh(now)
	digest := UnmuteDigest(now)
	for _, s := range e.all {
		if e.muting.silenceOf(s) != nil || s.kind.endOnly {
			continue
		}
		if s.owedEnd != nil {
			t := s.takeOwedEnd(now)
			t.Digest = digest
			out = append(out, t)
		}
		if s.state != Firing {
			continue
		}
		if s.lead != nil || s.verdicts != nil {
			s.due = now // it may have waited to say whose fault it is, or what joined
			e.timers.arm(s)
		}
		again := s.announced
		if !again && !e.announceUnmuted(s, now) {
			continue
		}
		t := s.newTransition(EventFiring, now)
		t.Digest, t.Reannounced = digest, again
		out = append(out, t)
	}
	return out
}

// announceUnmuted records that a firing series is announced now that nothing mutes it; false when another incident announces it. stepFiring
// announces it when that one is over.
func (e *Engine) announceUnmuted(s *series, now time.Time) bool {
	if e.isLed(s) || s.isCovered(e, now) || e.rejoin(s, now) {
		return false
	}
	s.announced, s.lastNotified = true, now
	e.recordLeader(s)
	return true
}
