package alert

import (
	"slices"
	"time"

	"squarewatch/probe"
)

// joinNear is the longest time between the beginnings of two problems that can have one cause, if one of them had good runs after the other
// began. An outage may spread over the endpoints, or let some runs succeed.
const joinNear = 2 * time.Minute

// outcomeKind groups the outcomes that one cause can give to different probes.
type outcomeKind uint8

const (
	outcomeOther outcomeKind = iota // it never joins
	outcomeServerError
	outcomeRefusal
	outcomeNoAnswer
)

// newestKind returns the kind of the newest bad run. A page with 200 that a gateway gives in place of the API's answer counts as a server
// error, as in [Rule.bad].
func (s *series) newestKind() outcomeKind {
	if s.examples == nil {
		return outcomeOther
	}
	newest := &s.examples[0]
	switch class := newest.Class; {
	case class == probe.ServerError, class == probe.Success && newest.Blame == probe.BlameGateway:
		return outcomeServerError
	case class == probe.Unauthenticated, class == probe.Forbidden:
		return outcomeRefusal
	case class.IsTransport():
		return outcomeNoAnswer
	}
	return outcomeOther
}

// leaderFor returns the announced incident that a series joins when it fires; nil when the series has another cause.
func (e *Engine) leaderFor(s *series) *series {
	if s.rule.isBuiltin() || s.verdicts == nil || s.owedEnd != nil || s.newestKind() == outcomeOther || e.muting.silenceOf(s) != nil {
		return nil
	}
	if !s.isOneProblem() {
		return nil
	}
	i := slices.IndexFunc(e.leaders, func(l *series) bool { return e.canLead(l, s) && e.sharesCause(l, s) })
	if i < 0 {
		return nil
	}
	return e.leaders[i]
}

// isOneProblem reports whether the newest bad runs have one culprit. Bad runs of several probes may have several. When one credential is
// refused, some runs may blame it and others the API. These count as one culprit, and the newest run decides which.
func (s *series) isOneProblem() bool {
	newest := s.verdicts.newest()
	return !slices.ContainsFunc(s.exampleList(), func(e Example) bool {
		agrees := e.Blame == newest.Blame || isOutage(e.Blame) && isOutage(newest.Blame) ||
			e.Credential == newest.Credential && areAPIAndCredential(e.Blame, newest.Blame)
		return !agrees && !e.At.Before(s.onset)
	})
}

// areAPIAndCredential reports whether one of two verdicts on refusals blames the API, and the other blames a credential.
func areAPIAndCredential(a, b probe.Blame) bool {
	return a == probe.BlameAPI && b == probe.BlameCredential || a == probe.BlameCredential && b == probe.BlameAPI
}

// canLead reports whether l can lead s: it must be announced to every notifier of s, and be at least as urgent as s.
func (e *Engine) canLead(l, s *series) bool {
	return l.isAnnouncedFor(s) && !l.rule.isBuiltin() && rank(l.severity) <= rank(s.severityNow()) && e.muting.silenceOf(l) == nil
}

// sharesCause reports whether one cause explains the problem of s and the incident of l. Both may have the same culprit and the same kind
// of outcome. Both may belong to one outage of the API in which the kind differs, for example when tokens expire. Or their culprits may
// still become the same. The problems must have begun together, or nearly so.
func (e *Engine) sharesCause(l, s *series) bool {
	same := l.blamesAs(s) && l.newestKind() == s.newestKind()
	switch {
	case same && l.hasJoined(s):
		return true
	case same || s.isOneOutage(l):
		return e.beganWith(l, s) || beganNear(l, s)
	case s.mayAgree(l):
		return beganNear(l, s)
	}
	return false
}

// mayAgree reports whether the verdicts of two series may agree on the API after the next runs, although one of them still blames a
// credential. Refusals of several credentials that begin together are evidence against the API. So are server errors that begin together
// with refusals of the same credential. See [Engine.mustLeave].
func (s *series) mayAgree(other *series) bool {
	if s.verdicts == nil || other.verdicts == nil {
		return false
	}
	own, others := s.verdicts.newest(), other.verdicts.newest()
	if !areAPIAndCredential(own.Blame, others.Blame) {
		return false
	}
	switch [2]outcomeKind{s.newestKind(), other.newestKind()} {
	case [2]outcomeKind{outcomeRefusal, outcomeRefusal}:
		return true
	case [2]outcomeKind{outcomeRefusal, outcomeServerError}, [2]outcomeKind{outcomeServerError, outcomeRefusal}:
		return own.Credential == others.Credential
	}
	return false
}

// blamesAs reports whether the newest runs of other blame the culprit that the messages of s name, or the one that the newest runs of s
// blame.
func (s *series) blamesAs(other *series) bool {
	if s.verdicts == nil || other.verdicts == nil {
		return false
	}
	v := other.verdicts.newest()
	return v.Blame != probe.BlameNone && (v.agrees(&s.verdicts.Shown) || v.agrees(&s.verdicts.Next))
}

// isOneOutage reports whether the culprits of two series can be one outage of the API. An unknown culprit can be one if both outcomes are
// of the same kind.
func (s *series) isOneOutage(other *series) bool {
	if s.verdicts == nil || other.verdicts == nil {
		return false
	}
	own, others := s.verdicts.newest().Blame, other.verdicts.newest().Blame
	known := own != probe.BlameUnknown && others != probe.BlameUnknown
	return isOutage(own) && isOutage(others) && (known || s.newestKind() == other.newestKind())
}

// isOutage reports whether an outage of the API can have this culprit.
func isOutage(culprit probe.Blame) bool {
	switch culprit {
	case probe.BlameAPI, probe.BlameGateway, probe.BlameLoginService, probe.BlameUnknown:
		return true
	case probe.BlameNone, probe.BlameCredential, probe.BlameRole, probe.BlameNetwork, probe.BlameResolver, probe.BlameWatcher, probe.BlameLeak:
	}
	return false
}

// beganWith reports whether no bad probe of s had a good run since the problem of l began.
func (e *Engine) beganWith(l, s *series) bool {
	return !slices.ContainsFunc(s.badProbes(), func(name string) bool { return e.lastGood[name].After(l.onset) })
}

// beganNear reports whether the problems of two series began at nearly the same time.
func beganNear(a, b *series) bool {
	near := func(a, b time.Time) bool { return a.Sub(b).Abs() <= joinNear }
	return near(a.since(), b.since()) || near(a.onset, b.onset)
}

// badProbes returns the probes whose runs are the problem of a series.
func (s *series) badProbes() []string {
	if c, ok := s.condition.(groupEvaluator); ok {
		return c.stillBad(s.incidentFrom())
	}
	return []string{s.name}
}
