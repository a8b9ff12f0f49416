package alert

import (
	"slices"
	"time"
)

// stepSeries moves the state machine of a series to now and returns what people are to be told; empty for nothing. It sets due.
func (e *Engine) stepState(s *series, now time.Time) Event {
	v, next := s.condition.evaluate(s.rule, now)
	event := Event("")
	switch s.state {
	case Inactive:
		if v == levelCrossed && s.hasEvidence() {
			s.setState(Pending, now)
			event = e.stepPending(s, v, now)
		}
	case Pending:
		event = e.stepPending(s, v, now)
	case Firing:
		event = e.stepFiring(s, v, now)
	}
	s.due = earliest(next, e.stateDeadline(s, now))
	return event
}

// evident reports whether something bad was seen since the series is watched.
func (s *series) hasEvidence() bool { return s.kind.withoutRuns || !s.lastBad.Before(s.evidenceFrom) }

// hold steps a pending series: it fires once its threshold was held long enough, is still seen to be crossed, and nothing
// else that is already told explains it.
func (e *Engine) stepPending(s *series, v level, now time.Time) Event {
	switch v {
	case levelCrossed:
		if now.Sub(s.crossed) < s.rule.For {
			return ""
		}
		if s.isCovered(e, now) || s.parentDown() {
			s.evidenceFrom = now.Add(1) // what was seen until now is explained
			return ""
		}
		if !s.hasEvidence() {
			return "" // the time counts as held, but only a new bad run makes it fire
		}
		s.setState(Firing, now)
		return EventFiring
	case levelClear, levelBetween:
		s.setState(Inactive, now)
	case levelUnknown:
	}
	return ""
}

// burn steps a firing series: it resolves, gets worse, gets old, or reminds.
func (e *Engine) stepFiring(s *series, v level, now time.Time) Event {
	if s.recovered(v, now) {
		s.setState(Inactive, now)
		return endEvent(s.endNote)
	}
	worse := s.worsened()
	switch {
	case worse:
	case e.supportAfter > 0 && !s.overdue && s.serverErrors() && now.Sub(s.crossed) >= e.supportAfter:
		s.overdue = true
	case s.rule.Repeat > 0 && s.acknowledged == nil && now.Sub(s.lastNotified) >= s.rule.Repeat && !s.lastRun.Before(s.evidenceFrom):
	default:
		return ""
	}
	s.lastNotified = now
	return EventUpdate
}

// worsened reports whether the severity rose since people last heard of it, and remembers it.
func (s *series) worsened() bool {
	now := s.severityNow()
	if now == s.severity || rank(now) > rank(s.severity) {
		return false
	}
	s.severity = now
	return true
}

func (s *series) severityNow() Severity {
	if c, ok := s.condition.(grader); ok {
		return c.severity(s.rule)
	}
	return s.rule.Severity
}

// flapsFrom is how often an incident fires again before it is held open.
const flappingFrom = 2

// settled reports whether a firing series is over: its condition says so, each probe that was bad in the incident has had a good
// run, and, where it flaps, it has stayed so for the rule's reopen.
func (s *series) recovered(v level, now time.Time) bool {
	switch {
	case v == levelCrossed && !s.clearSince.IsZero():
		s.reopened++
		s.clearSince = time.Time{}
		return false
	case v != levelClear || len(s.stillBad()) > 0:
		return false
	case !s.flapping:
		return true
	case s.clearSince.IsZero():
		s.clearSince = now
	}
	return now.Sub(s.clearSince) >= s.rule.Reopen
}

// stillBad returns the probes that were bad in the incident and have not had a good run since.
func (s *series) stillBad() []string {
	if c, ok := s.condition.(grouper); ok {
		return c.stillBad(s.crossed.Add(-s.rule.Window - maxResultDelay))
	}
	return nil
}

// enter changes the state. An incident that fires again soon goes on, under its old identifier.
func (s *series) setState(state State, now time.Time) {
	s.state, s.changed = state, now
	switch state {
	case Pending:
		s.crossed, s.seenUntil = now, now
		s.startBadTime(now)
	case Firing:
		again := s.rule.Reopen > 0 && !s.resolved.IsZero() && now.Sub(s.resolved) < s.rule.Reopen
		if again {
			s.reopened++
			s.flapping = s.reopened >= flappingFrom
		} else {
			s.fired, s.reopened, s.announced, s.flapping = now, 0, false, false
		}
		s.clearSince, s.endNote = time.Time{}, ""
		s.badTime().startIncident(again)
		s.lastNotified, s.resolved, s.coveredBy = now, time.Time{}, nil
		s.severity, s.overdue, s.acknowledged = s.severityNow(), false, nil
	case Inactive:
		if s.coveredBy = nil; !s.fired.IsZero() && s.resolved.IsZero() {
			s.resolved = now
			s.badTime().endIncident()
		}
	}
}

// deadline is when the state itself has something to do, after now; zero for never.
func (e *Engine) stateDeadline(s *series, now time.Time) time.Time {
	due := time.Time{}
	switch s.state {
	case Pending:
		due = s.crossed.Add(s.rule.For)
		if !due.After(now) && (s.coveredBy != nil || s.parentDown()) {
			due = now.Add(coverPoll)
		}
	case Firing:
		if s.rule.Repeat > 0 && s.acknowledged == nil {
			due = s.lastNotified.Add(s.rule.Repeat)
		}
		if e.supportAfter > 0 && !s.overdue && s.serverErrors() {
			due = earliest(due, s.crossed.Add(e.supportAfter))
		}
		if over := s.clearSince.Add(s.rule.Reopen); !s.clearSince.IsZero() && over.After(now) {
			due = earliest(due, over)
		}
	case Inactive:
	}
	if !due.After(now) {
		return time.Time{}
	}
	return due
}

// overEvent returns the event of an incident that is over: it recovered unless there is a note that says otherwise.
func endEvent(note string) Event {
	if note != "" {
		return EventEnded
	}
	return EventResolved
}

// tell makes the transition of an event, and decides whether people hear of it. Who never heard that an incident began
// need not hear that it is over, and who could not be told that it is over hears of it later.
func (e *Engine) transition(s *series, event Event, now time.Time) Transition {
	t := s.newTransition(event, now)
	silenced := e.muting.silenceOf(s) != nil
	t.Incident.Affected = e.affected(s)
	switch event {
	case EventFiring:
		again := s.owedEnd != nil && s.owedEnd.ID == t.Incident.ID // people believe that it still fires
		t.Muted = silenced || s.kind.endOnly
		if again {
			s.owedEnd, s.announced = nil, true
		}
		s.announced = s.announced && again || !t.Muted
		e.recordAnnouncer(s)
	case EventResolved, EventEnded:
		heard := s.announced || s.kind.endOnly
		t.Muted = silenced || !heard
		if silenced && heard {
			s.owedEnd = &t.Incident
		}
		s.announced = false
	case EventUpdate, EventTest:
		t.Muted = silenced || !s.announced
	}
	t.State = s.export()
	return t
}

func (s *series) newTransition(event Event, now time.Time) Transition {
	incident := s.incident(now)
	s.saveFigures(&incident, now)
	return Transition{At: now, Event: event, Incident: incident, Notify: slices.Clone(s.rule.Notify), Alone: event.Ends() && s.kind.endOnly, State: s.export()}
}
