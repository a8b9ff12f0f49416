package alert

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// stepState evaluates a series at now and moves its state machine. It returns the event to announce; empty for none. It sets the time at
// which the series is due next.
func (e *Engine) stepState(s *series, now time.Time) Event {
	v, next := s.condition.evaluate(s.rule, now)
	if e.isFilling(s) {
		v = levelUnknown
	}
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

// hasEvidence reports whether a bad run was seen since evidenceFrom. A rule that fires on missing runs needs no bad run.
func (s *series) hasEvidence() bool { return s.kind.withoutRuns || !s.lastBad.Before(s.evidenceFrom) }

// stepPending moves a pending series. It fires when the threshold was held long enough, is still crossed, and no announced incident or
// failing parent explains it.
func (e *Engine) stepPending(s *series, v level, now time.Time) Event {
	switch v {
	case levelCrossed:
		if now.Sub(s.crossed) < s.rule.For {
			return ""
		}
		if s.isCovered(e, now) || s.parentDown() {
			s.evidenceFrom = now.Add(1) // the runs until now are explained: only later ones are evidence
			return ""
		}
		if !s.hasEvidence() {
			return "" // the threshold counts as held meanwhile, but only a new bad run lets the series fire
		}
		leader := e.leaderFor(s)
		s.setState(Firing, now)
		if leader != nil {
			e.join(s, leader, now)
		}
		return EventFiring
	case levelClear, levelBetween:
		s.setState(Inactive, now)
	case levelUnknown:
	}
	return ""
}

// stepFiring moves a firing series. It resolves the incident, or announces a higher severity, another culprit, newly joined series, an
// overdue incident or a reminder.
func (e *Engine) stepFiring(s *series, v level, now time.Time) Event {
	if s.recovered(v, now) {
		s.endReason = s.removedReason()
		s.setState(Inactive, now)
		if s.joined != nil {
			s.endedWith = s.joined.incident
			e.leave(s, now)
		}
		return endEvent(s.endReason)
	}
	if v == levelCrossed && e.mustAnnounce(s, now) {
		s.lastNotified = now
		return EventFiring
	}
	muted := e.muting.silenceOf(s) != nil // another culprit and newly joined series are announced after the silence
	worse, blameChanged := s.worsened(), !muted && s.changesVerdict(now)
	if e.mustLeave(s, blameChanged, now) {
		e.leave(s, now)
		s.lastNotified = now
		return EventFiring
	}
	switch {
	case worse, blameChanged, !muted && s.namesJoined(now):
	case e.supportAfter > 0 && !s.overdue && s.hasServerErrors() && now.Sub(s.crossed) >= e.supportAfter:
		s.overdue = true
	case s.rule.Repeat > 0 && s.acknowledged == nil && now.Sub(s.lastNotified) >= s.rule.Repeat && !s.lastRun.Before(s.evidenceFrom):
	default:
		return ""
	}
	s.lastNotified = now
	if !muted {
		s.recordJoinedNamed(now)
	}
	return EventUpdate
}

// endOnlyUntil is how long an incident must last before its beginning is announced, if its kind announces the end only.
const endOnlyUntil = 5 * time.Minute

// announcesEndOnly reports whether the beginning of an incident is not announced, or not yet.
func (s *series) announcesEndOnly(now time.Time) bool {
	return s.kind.endOnly && now.Sub(s.crossed) < endOnlyUntil
}

// lateAnnouncement returns when the beginning of an incident is announced if the incident still lasts then; zero for never.
func (s *series) lateAnnouncement() time.Time {
	if !s.kind.endOnly || s.announced {
		return time.Time{}
	}
	return s.crossed.Add(endOnlyUntil)
}

// mustAnnounce reports whether a firing series that was not announced when it fired must be announced now. There are two such cases: an
// incident that covered or led the series no longer names it, or the kind announces only incidents that last, and this one has lasted.
func (e *Engine) mustAnnounce(s *series, now time.Time) bool {
	if s.announced || e.muting.silenceOf(s) != nil || !s.hasEvidence() {
		return false
	}
	if s.kind.endOnly {
		return !s.announcesEndOnly(now)
	}
	named := s.coveredBy != nil || s.joined != nil
	return named && !e.isLed(s) && !s.isCovered(e, now) && !e.rejoin(s, now)
}

// worsened reports whether the severity rose since the last message, and records it.
func (s *series) worsened() bool {
	now := s.severityNow()
	if now == s.severity || rank(now) > rank(s.severity) {
		return false
	}
	s.severity = now
	return true
}

// severityNow returns the current severity.
func (s *series) severityNow() Severity {
	if c, ok := s.condition.(grader); ok {
		return c.severity(s.rule)
	}
	return s.rule.Severity
}

// hasUnrecovered reports whether a probe that was bad in the incident has not had a good run since.
func (s *series) hasUnrecovered() bool {
	watched, _ := s.unrecoveredProbes()
	return len(watched) > 0
}

// flappingFrom is how often an incident must reopen before it is held open. It then resolves only as [series.recovered] describes.
const flappingFrom = 2

// recovered reports whether a firing incident is over. Its condition must be clear. Each probe that was bad in it must have had a good run
// since. All series that joined it must be good again. A flapping incident must also have been clear for the rule's Reopen; what joined it
// may have become good later.
func (s *series) recovered(v level, now time.Time) bool {
	switch {
	case v == levelCrossed && !s.clearSince.IsZero():
		s.reopened++
		s.clearSince = time.Time{}
		return false
	case v != levelClear || s.hasUnrecovered():
		return false
	case s.flapping && s.clearSince.IsZero():
		s.clearSince = now
	}
	return !s.leadsOthers() && (!s.flapping || now.Sub(s.clearSince) >= s.rule.Reopen)
}

// unrecoveredProbes returns the probes of a firing group that were bad in the incident and have not had a good run since. It returns the
// probes that the group still has in watched, and the others in removed.
func (s *series) unrecoveredProbes() (watched, removed []string) {
	c, ok := s.condition.(groupEvaluator)
	if !ok {
		return nil, nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.unrecovered)) {
		if c.contains(name) {
			watched = append(watched, name)
		} else {
			removed = append(removed, name)
		}
	}
	return watched, removed
}

// removedReason says which probes were still bad when the configuration removed them from the series; empty when there are none.
func (s *series) removedReason() string {
	_, removed := s.unrecoveredProbes()
	switch names := removed[:min(len(removed), maxExamples)]; {
	case len(names) == 0:
		return ""
	case len(removed) == 1:
		return names[0] + " was still bad and is no longer counted here"
	default:
		return strings.Join(names, ", ") + " were still bad and are no longer counted here"
	}
}

// setState changes the state. An incident that fires again within the rule's Reopen continues, with its old identifier.
func (s *series) setState(state State, now time.Time) {
	s.state, s.changed = state, now
	switch state {
	case Pending:
		s.crossed, s.seenUntil = now, now
		s.startBadTime(now)
		if s.onset = s.bad.streak.First; s.onset.IsZero() {
			s.onset = now
		}
	case Firing:
		again := s.rule.Reopen > 0 && !s.resolved.IsZero() && now.Sub(s.resolved) < s.rule.Reopen
		if again {
			s.reopened++
			s.paused += now.Sub(s.resolved)
			s.flapping = s.reopened >= flappingFrom
		} else {
			s.fired, s.reopened, s.paused, s.announced, s.flapping = now, 0, 0, false, false
			s.firedWith = s.countNow(now)
		}
		s.clearSince, s.endReason, s.unrecovered, s.lead, s.endedWith = time.Time{}, "", nil, nil, ""
		if c, ok := s.condition.(groupEvaluator); ok {
			s.unrecovered = setOf(c.stillBad(s.crossed.Add(-s.rule.Window - maxResultDelay)))
		}
		s.badTime().startIncident(again)
		s.startVerdict()
		s.lastNotified, s.resolved, s.coveredBy = now, time.Time{}, nil
		s.severity, s.overdue, s.acknowledged = s.severityNow(), false, nil
	case Inactive:
		if s.coveredBy = nil; !s.fired.IsZero() && s.resolved.IsZero() {
			s.resolved = now
			s.badTime().endIncident()
			s.endVerdict()
		}
	}
}

// countNow returns how many runs the condition counts now, and how many of them are bad.
func (s *series) countNow(now time.Time) RunCount {
	figures := Incident{}
	s.condition.describe(&figures, now)
	return RunCount{Runs: figures.Runs, Bad: figures.Bad}
}

// setOf returns a set of names; nil for none.
func setOf(names []string) map[string]struct{} {
	if len(names) == 0 {
		return nil
	}
	set := make(map[string]struct{}, len(names))
	for _, name := range names {
		set[name] = struct{}{}
	}
	return set
}

// stateDeadline returns the next time after now at which the series must be stepped because of its state; zero for never.
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
		due = earliest(due, s.lateAnnouncement())
		if e.supportAfter > 0 && !s.overdue && s.hasServerErrors() {
			due = earliest(due, s.crossed.Add(e.supportAfter))
		}
		if !s.clearSince.IsZero() {
			due = earliestAfter(now, due, s.clearSince.Add(s.rule.Reopen))
		}
		due = earliestAfter(now, due, s.verdictDue(), s.joinedDue(), s.leaveDue())
	case Inactive:
	}
	if !due.After(now) {
		return time.Time{}
	}
	return due
}

// endEvent returns the event for the end of an incident: RESOLVED, or ENDED with a reason why it did not recover.
func endEvent(reason string) Event {
	if reason != "" {
		return EventEnded
	}
	return EventResolved
}

// transition returns the transition of an event, and decides whether it is muted. If FIRING was never announced, the end is not announced
// either. An end that a silence holds back is announced when the silence ends.
func (e *Engine) transition(s *series, event Event, now time.Time) Transition {
	t := s.newTransition(event, now)
	silenced := e.muting.silenceOf(s) != nil
	t.Incident.Affected = e.affected(s)
	switch event {
	case EventFiring:
		again := s.owedEnd != nil && s.owedEnd.ID == t.Incident.ID // its end was held back, so destinations still show it as firing
		t.Muted = silenced || s.announcesEndOnly(now) || s.joined != nil
		if again {
			s.owedEnd, s.announced = nil, true
		}
		s.announced = s.announced && again || !t.Muted
		e.recordLeader(s)
	case EventResolved, EventEnded:
		wanted := s.announced || s.kind.endOnly
		t.Muted = silenced || !wanted
		if silenced && wanted {
			s.owedEnd = &t.Incident
		}
		s.announced = false
	case EventUpdate, EventTest:
		t.Muted = silenced || !s.announced
	}
	t.State, t.Leaders = s.export(), e.leaderStates(s)
	return t
}

// newTransition returns a transition with the incident as it is at now.
func (s *series) newTransition(event Event, now time.Time) Transition {
	incident := s.incident(now)
	s.saveFigures(&incident, now)
	return Transition{
		At: now, Event: event, Incident: incident, Notify: slices.Clone(s.rule.Notify),
		Alone: event.Ends() && s.kind.endOnly, State: s.export(),
	}
}
