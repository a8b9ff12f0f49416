package alert

import "time"

// heldPoll is how often a series that waits for another is looked at again.
const heldPoll = 5 * time.Second

// stepSeries moves the state machine of a series to now and returns what people are to be told; empty for nothing. It sets due.
func (e *Engine) stepSeries(s *series, now time.Time) Event {
	v, next := s.condition.judge(s.rule, now)
	event := Event("")
	switch s.state {
	case Inactive:
		if v == over && s.evident() {
			s.enter(Pending, now)
			event = e.hold(s, v, now)
		}
	case Pending:
		event = e.hold(s, v, now)
	case Firing:
		event = e.burn(s, v, now)
	}
	s.due = earliest(next, e.deadline(s, now))
	return event
}

// evident reports whether something bad was seen since the series is watched.
func (s *series) evident() bool { return s.rule.absent() || !s.lastBad.Before(s.watched) }

// hold steps a pending series: it fires once its threshold was held long enough, is still seen to be crossed, and nothing
// else that is already told explains it.
func (e *Engine) hold(s *series, v verdict, now time.Time) Event {
	switch v {
	case over:
		if now.Sub(s.crossed) < s.rule.For {
			return ""
		}
		if s.explained(e, now) || s.orphaned() {
			s.watched = now.Add(1) // what was seen until now is explained
			return ""
		}
		if !s.evident() {
			return "" // the time counts as held, but only a new bad run makes it fire
		}
		s.enter(Firing, now)
		return EventFiring
	case under, between:
		s.enter(Inactive, now)
	case unknown:
	}
	return ""
}

// burn steps a firing series: it resolves, gets worse, gets old, or reminds.
func (e *Engine) burn(s *series, v verdict, now time.Time) Event {
	if s.settled(v, now) {
		s.enter(Inactive, now)
		return overEvent(s.lost)
	}
	worse := s.worsened()
	switch {
	case worse:
	case e.supportAfter > 0 && !s.overdue && s.serverErrors() && now.Sub(s.crossed) >= e.supportAfter:
		s.overdue = true
	case s.rule.Repeat > 0 && s.ack == nil && now.Sub(s.told) >= s.rule.Repeat && !s.lastRun.Before(s.watched):
	default:
		return ""
	}
	s.told = now
	return EventUpdate
}

// overEvent returns the event of an incident that is over: it recovered unless there is a note that says otherwise.
func overEvent(note string) Event {
	if note != "" {
		return EventEnded
	}
	return EventResolved
}

// flapsFrom is how often an incident fires again before it is held open.
const flapsFrom = 2

// settled reports whether a firing series is over: its condition says so, each probe that was bad in the incident has had a good
// run, and, where it flaps, it has stayed so for the rule's reopen.
func (s *series) settled(v verdict, now time.Time) bool {
	switch {
	case v == over && !s.quiet.IsZero():
		s.reopened++
		s.quiet = time.Time{}
		return false
	case v != under || len(s.stillBad()) > 0:
		return false
	case !s.flapping:
		return true
	case s.quiet.IsZero():
		s.quiet = now
	}
	return now.Sub(s.quiet) >= s.rule.Reopen
}

// stillBad returns the probes that were bad in the incident and have not had a good run since.
func (s *series) stillBad() []string {
	if c, ok := s.condition.(grouper); ok {
		return c.stillBad(s.crossed.Add(-s.rule.Window - lateResults))
	}
	return nil
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

// moreUrgent returns the more urgent of two severities; none is the least urgent.
func moreUrgent(a, b Severity) Severity {
	if a == "" || b != "" && rank(b) < rank(a) {
		return b
	}
	return a
}

// rank orders severities, the most urgent first.
func rank(s Severity) int {
	switch s {
	case Critical:
		return 0
	case Warning:
		return 1
	case Info:
	}
	return 2
}

// enter changes the state. An incident that fires again soon goes on, under its old identifier.
func (s *series) enter(state State, now time.Time) {
	s.state, s.changed = state, now
	switch state {
	case Pending:
		s.crossed, s.seen = now, now
		s.cross(now)
	case Firing:
		again := s.rule.Reopen > 0 && !s.resolved.IsZero() && now.Sub(s.resolved) < s.rule.Reopen
		if again {
			s.reopened++
			s.flapping = s.reopened >= flapsFrom
		} else {
			s.fired, s.reopened, s.announced, s.flapping = now, 0, false, false
		}
		s.quiet, s.lost = time.Time{}, ""
		s.badTime().fire(again)
		s.told, s.resolved, s.leader = now, time.Time{}, nil
		s.severity, s.overdue, s.ack = s.severityNow(), false, nil
	case Inactive:
		if s.leader = nil; !s.fired.IsZero() && s.resolved.IsZero() {
			s.resolved = now
			s.badTime().over()
		}
	}
}

// deadline is when the state itself has something to do, after now; zero for never.
func (e *Engine) deadline(s *series, now time.Time) time.Time {
	due := time.Time{}
	switch s.state {
	case Pending:
		due = s.crossed.Add(s.rule.For)
		if !due.After(now) && (s.leader != nil || s.orphaned()) {
			due = now.Add(heldPoll)
		}
	case Firing:
		if s.rule.Repeat > 0 && s.ack == nil {
			due = s.told.Add(s.rule.Repeat)
		}
		if e.supportAfter > 0 && !s.overdue && s.serverErrors() {
			due = earliest(due, s.crossed.Add(e.supportAfter))
		}
		if over := s.quiet.Add(s.rule.Reopen); !s.quiet.IsZero() && over.After(now) {
			due = earliest(due, over)
		}
	case Inactive:
	}
	if !due.After(now) {
		return time.Time{}
	}
	return due
}

// earliest returns the earlier of two times, of which zero is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
