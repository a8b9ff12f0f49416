package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"squarewatch/probe"
)

// examplesKept is how many bad runs an incident shows.
const examplesKept = 3

// series is one set of runs that a rule counts, and what has become of it.
type series struct {
	rule      *Rule
	name      string
	order     int               // among all series, so that ties always break the same way
	labels    map[string]string // of the probe, for series of a probe
	condition condition
	examples  [examplesKept]Example // newest first

	state   State
	changed time.Time // when the state began
	crossed time.Time // when the threshold was crossed, unless inactive
	fired   time.Time // when the incident began, while firing
	told    time.Time // when people last heard of it, while firing

	due  time.Time // when passing time alone may change something; zero for never
	slot int       // in the timers, -1 when in none
}

// observe takes a finished run.
func (s *series) observe(r *probe.Result, now time.Time) {
	if !s.condition.observe(s.rule, r, now) {
		return
	}
	copy(s.examples[1:], s.examples[:])
	s.examples[0] = Example{
		Probe: r.Probe, At: r.End.Round(0), Class: r.Class, Code: r.Code,
		Reason: r.Reason, Blame: r.Blame, Excerpt: r.Excerpt, Trace: r.Trace, Span: r.Span,
	}
}

// step moves the state machine to now and returns what people are to be told; empty for nothing. It sets due.
func (s *series) step(now time.Time) Event {
	v, next := s.condition.judge(s.rule, now)
	event := Event("")
	switch s.state {
	case Inactive:
		if v == over {
			s.enter(Pending, now)
			event = s.hold(v, now)
		}
	case Pending:
		event = s.hold(v, now)
	case Firing:
		event = s.burn(v, now)
	}
	s.due = earliest(next, s.deadline(now))
	return event
}

// hold steps a pending series: it fires once its threshold was held long enough and is still seen to be crossed.
func (s *series) hold(v verdict, now time.Time) Event {
	switch v {
	case over:
		if now.Sub(s.crossed) >= s.rule.For {
			s.enter(Firing, now)
			return EventFiring
		}
	case under, between:
		s.enter(Inactive, now)
	case unknown:
	}
	return ""
}

// burn steps a firing series: it resolves, or reminds.
func (s *series) burn(v verdict, now time.Time) Event {
	if v == under {
		s.enter(Inactive, now)
		return EventResolved
	}
	if s.rule.Repeat > 0 && now.Sub(s.told) >= s.rule.Repeat {
		s.told = now
		return EventUpdate
	}
	return ""
}

func (s *series) enter(state State, now time.Time) {
	s.state, s.changed = state, now
	switch state {
	case Pending:
		s.crossed = now
	case Firing:
		s.fired, s.told = now, now
	case Inactive:
	}
}

// deadline is when the state itself has something to do, after now; zero for never.
func (s *series) deadline(now time.Time) time.Time {
	due := time.Time{}
	switch {
	case s.state == Pending:
		due = s.crossed.Add(s.rule.For)
	case s.state == Firing && s.rule.Repeat > 0:
		due = s.told.Add(s.rule.Repeat)
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

// incident returns the incident as it stands at now. It is called while the series fires and at the moment it resolves.
func (s *series) incident(now time.Time) Incident {
	incident := Incident{
		ID: incidentID(s.rule.Name, s.name, s.fired), Rule: s.rule.Name, Series: s.name, Per: s.rule.Per,
		Severity: s.rule.Severity, Runbook: s.rule.Runbook, Labels: s.labels,
		Threshold: s.rule.Threshold, Clear: s.rule.Clear, Window: s.rule.Window,
		Since: s.crossed, Fired: s.fired,
	}
	if s.state != Firing {
		incident.Resolved = now
	}
	s.condition.describe(&incident, now)
	for _, e := range s.examples {
		// Older ones belong to an earlier incident.
		if !e.At.IsZero() && !e.At.Before(s.crossed.Add(-s.rule.Window-lateResults)) {
			incident.Examples = append(incident.Examples, e)
		}
	}
	incident.Blame = blameOf(incident.Examples)
	return incident
}

// blameOf returns the newest word on whose fault it is; that nobody knows counts only when there is no other.
func blameOf(examples []Example) probe.Blame {
	blame := probe.BlameNone
	for _, e := range examples {
		switch e.Blame {
		case probe.BlameCredential, probe.BlameLoginService, probe.BlameAPI:
			return e.Blame
		case probe.BlameUnknown:
			blame = e.Blame
		case probe.BlameNone:
		}
	}
	return blame
}

// incidentID is the same whenever the same history is replayed.
func incidentID(rule, series string, fired time.Time) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", rule, series, fired.UnixNano()))
	return hex.EncodeToString(sum[:6])
}

// status returns the series for metrics and people.
func (s *series) status(now time.Time) Status {
	var figures Incident
	s.condition.describe(&figures, now)
	return Status{
		Rule: s.rule.Name, Series: s.name, Severity: s.rule.Severity, State: s.state,
		Rate: figures.Rate, Runs: figures.Runs, Threshold: s.rule.Threshold, Since: s.changed,
	}
}

// setBack moves times that lie after now to now, since the clock was set back.
func (s *series) setBack(now time.Time) {
	for _, t := range []*time.Time{&s.changed, &s.crossed, &s.told} {
		if t.After(now) {
			*t = now
		}
	}
}
