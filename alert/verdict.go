package alert

import (
	"time"

	"squarewatch/probe"
)

const (
	// verdictHold is the time over which runs must agree on another culprit before the messages of a firing incident blame it.
	verdictHold = 10 * time.Second
	// unknownHold is the same for runs that blame [probe.BlameUnknown]. Until then, messages name the culprit that was known before.
	unknownHold = time.Minute
	// verdictPause is the least time between two messages about a changed culprit.
	verdictPause = time.Minute
)

// Verdict says who caused an incident, according to its newest bad runs that name a culprit. The blame of each run considers what all
// probes saw in the minutes before it, so the newest run has the most evidence. It is plain data.
type Verdict struct {
	Blame      probe.Blame // BlameNone when no run says anything
	Credential string      // that the newest of these runs names; empty for none
	Evidence   []probe.Evidence
	Advice     string    `json:"Settle"` // how to find out who is to blame; empty unless Blame is BlameUnknown
	First      time.Time // when the first of the runs in a row that name this culprit ended
	Last       time.Time // when the newest of them ended
}

// Verdicts are what the runs of a series say about the culprit. It is plain data.
type Verdicts struct {
	Shown   Verdict   // what messages say
	Next    Verdict   // what the newest runs say instead; zero when they agree with Shown
	Changed time.Time // when a message last announced another culprit; zero when none did
}

// verdictOf returns what one run says.
func verdictOf(r *probe.Result) Verdict {
	end := r.End.Round(0)
	return Verdict{Blame: r.Blame, Credential: r.Credential, Evidence: r.Evidence, Advice: r.Advice, First: end, Last: end}
}

// agrees reports whether two verdicts name the same culprit.
func (v *Verdict) agrees(other *Verdict) bool {
	return v.Blame == other.Blame && (!v.concernsCredential() || v.Credential == other.Credential)
}

// concernsCredential reports whether the culprit is a credential, or something that concerns one credential only.
func (v *Verdict) concernsCredential() bool {
	switch v.Blame {
	case probe.BlameCredential, probe.BlameRole, probe.BlameLoginService:
		return true
	case probe.BlameNone, probe.BlameAPI, probe.BlameGateway, probe.BlameNetwork, probe.BlameResolver, probe.BlameWatcher, probe.BlameLeak,
		probe.BlameUnknown:
	}
	return false
}

// renew replaces the evidence of a verdict by that of a newer run that agrees with it.
func (v *Verdict) renew(newer *Verdict) {
	first := v.First
	*v = *newer
	v.First = first
}

// isStable reports whether runs have agreed on the verdict for long enough for messages to name it.
func (v *Verdict) isStable() bool {
	agreed := v.Last.Sub(v.First)
	if v.Blame == probe.BlameUnknown {
		return agreed > unknownHold
	}
	return v.Blame != probe.BlameNone && agreed >= verdictHold
}

// observeVerdict records what a bad run says about the culprit. While an incident fires, another culprit replaces the one in messages only
// after [Verdict.isStable] is true; see [series.changesVerdict].
func (s *series) observeVerdict(r *probe.Result) {
	newer := verdictOf(r)
	if r.Blame == probe.BlameNone || s.verdicts != nil && newer.Last.Before(s.verdicts.newest().Last) {
		return // the run names no culprit, or a newer run is known: this one is late, or recalled after a restart
	}
	if s.verdicts == nil {
		s.verdicts = &Verdicts{}
	}
	v := s.verdicts
	unsure := newer.Blame == probe.BlameUnknown && newer.Last.Sub(v.Shown.Last) <= unknownHold
	switch {
	case v.Shown.agrees(&newer):
		v.Shown.renew(&newer)
		v.Next = Verdict{}
	case s.state != Firing && !unsure || v.Shown.Blame == probe.BlameNone:
		v.Shown, v.Next = newer, Verdict{}
	case v.Next.agrees(&newer):
		v.Next.renew(&newer)
	default:
		v.Next = newer
	}
}

// startVerdict begins the verdict of an incident. It drops a verdict that is from earlier incidents.
func (s *series) startVerdict() {
	if s.verdicts == nil {
		return
	}
	if s.verdicts.Shown.Last.Before(s.incidentFrom()) {
		s.verdicts = nil
		return
	}
	s.verdicts.Changed = time.Time{}
}

// incidentFrom returns the time from which bad runs can belong to the incident that fires, or that fired last.
func (s *series) incidentFrom() time.Time { return s.crossed.Add(-s.rule.Window - maxResultDelay) }

// changesVerdict adopts another culprit for which [Verdict.isStable] is true, and reports whether it must be announced. It adopts at most
// one culprit a minute.
func (s *series) changesVerdict(now time.Time) bool {
	v := s.verdicts
	if v == nil || !v.Next.isStable() || now.Before(v.Changed.Add(verdictPause)) {
		return false
	}
	v.Shown, v.Next, v.Changed = v.Next, Verdict{}, now
	return true
}

// verdictDue returns when another culprit may be announced; zero when runs have not agreed on one for long enough.
func (s *series) verdictDue() time.Time {
	if s.verdicts == nil || !s.verdicts.Next.isStable() {
		return time.Time{}
	}
	return s.verdicts.Changed.Add(verdictPause)
}

// restoreVerdict sets a stored verdict. The state of an older version has none: then the newest bad run that names a culprit gives it.
func (s *series) restoreVerdict(state *SeriesState) {
	s.verdicts = nil
	if state.Verdicts != nil {
		s.verdicts = new(*state.Verdicts)
		return
	}
	for _, e := range state.Examples {
		if e.Blame != probe.BlameNone {
			s.verdicts = &Verdicts{Shown: Verdict{Blame: e.Blame, Credential: e.Credential, First: e.At, Last: e.At}}
			return
		}
	}
}

// endVerdict adopts another culprit for which [Verdict.isStable] is true when an incident ends, so that the last message names it.
func (s *series) endVerdict() {
	if s.verdicts != nil && s.verdicts.Next.isStable() {
		s.verdicts.Shown, s.verdicts.Next = s.verdicts.Next, Verdict{}
	}
}

// verdict returns what messages say about the culprit of an incident; zero when none of its runs says anything.
func (s *series) verdict() Verdict {
	if s.verdicts == nil || s.verdicts.Shown.Last.Before(s.incidentFrom()) {
		return Verdict{}
	}
	return s.verdicts.Shown
}

// fillVerdict sets whose fault an incident is.
func (s *series) fillVerdict(incident *Incident) {
	v := s.verdict()
	incident.Blame, incident.Blamed, incident.Evidence, incident.Advice = v.Blame, v.Credential, v.Evidence, v.Advice
	if v.Blame != probe.BlameNone && s.verdicts != nil {
		incident.BlameChangedAt = s.verdicts.Changed
	}
}

// setBack moves times that lie after now to now, because the clock was set back.
func (v *Verdicts) setBack(now time.Time) {
	for _, t := range []*time.Time{&v.Shown.First, &v.Shown.Last, &v.Next.First, &v.Next.Last, &v.Changed} {
		if t.After(now) {
			*t = now
		}
	}
}

// newest returns what the newest runs say.
func (v *Verdicts) newest() *Verdict {
	if v.Next.Blame != probe.BlameNone {
		return &v.Next
	}
	return &v.Shown
}
