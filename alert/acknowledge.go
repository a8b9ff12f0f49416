package alert

import (
	"fmt"
	"time"
)

// Acknowledge records who works on an incident, and stops its reminders. It returns an error when the incident no longer fires.
func (e *Engine) Acknowledge(incident, by string, now time.Time) ([]Transition, error) {
	now = e.clock(now)
	out := e.catchUp(now)
	s := e.firing(incident)
	if s == nil {
		return out, fmt.Errorf("acknowledge incident %s: no incident with this identifier fires", incident)
	}
	s.acknowledged, s.lastNotified = &Acknowledgement{By: by, At: now}, now
	out = append(out, e.transition(s, EventUpdate, now))
	return out, nil
}

// Unannounce records that no notifier received FIRING of an incident, because a silence began while it waited. The incident then covers no
// other, and it is announced when the silence ends.
func (e *Engine) Unannounce(incident string) {
	if s := e.firing(incident); s != nil {
		s.announced = false
	}
}

// SilenceFor returns a silence of the rule and series of an incident. The caller sets its times and passes it to Mute.
func (e *Engine) SilenceFor(incident string) (Silence, error) {
	s := e.firing(incident)
	if s == nil {
		return Silence{}, fmt.Errorf("silence incident %s: no incident with this identifier fires", incident)
	}
	return Silence{Rules: []string{s.rule.Name}, Series: []string{s.name}}, nil
}

// firing returns the series of a firing incident; nil for none.
func (e *Engine) firing(incident string) *series {
	for _, s := range e.all {
		if s.state == Firing && incidentID(s.rule.Name, s.name, s.fired) == incident {
			return s
		}
	}
	return nil
}
