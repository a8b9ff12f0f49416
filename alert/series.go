package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"squarewatch/probe"
)

const (
	// examplesKept is how many bad runs an incident shows.
	examplesKept = 3
	// marksKept is how many of the last runs it shows.
	marksKept = 24
)

// series is one set of runs that a rule counts, and what has become of it.
type series struct {
	deadline

	rule      *Rule
	name      string
	labels    map[string]string // of the probe, for series of a probe
	parents   []*parent         // of the probe, for series of a probe
	condition condition
	examples  *[examplesKept]Example // newest first; nil before the first, as most series never have one
	marks     [marksKept]Mark        // a ring
	marked    int                    // how many were ever put there

	state    State
	changed  time.Time // when the state began
	crossed  time.Time // when the threshold was crossed, unless inactive
	fired    time.Time // when the incident began; it stays when the incident is over, since it may go on
	told     time.Time // when people last heard of it, while firing
	resolved time.Time // when it was last over
	severity Severity  // as people last heard it

	reopened  int
	flapping  bool      // it fired again so often that it is held open
	quiet     time.Time // since when a flapping incident could be over; zero while it could not
	overdue   bool      // people were told that it is older than support_after
	announced bool      // people were told that it fires
	ack       *Acknowledgement
	owed      *Incident // over, and people have not been told

	watched time.Time // bad runs from before this are no evidence to fire: nobody watched since, or something else was to blame
	lastBad time.Time
	lastRun time.Time
	lost    string    // why a firing group may end without recovery: a probe that was bad is no longer watched; empty mostly
	seen    time.Time // until when runs were seen; time after it does not count as held
	polled  time.Time // when the leader was last asked for
	bad     *badTime  // nil before the first bad run
	figures *Figures  // as last counted while it fired; nil when it never did
	leader  *series   // whose incident this one waits for, when it does
}

// observe takes a finished run.
func (s *series) observe(r *probe.Result, now time.Time) {
	bad := s.condition.observe(s.rule, r, now)
	s.lastRun, s.seen = now, now
	s.observeBad(r.End.Round(0), bad)
	s.marks[s.marked%marksKept] = Mark{r.Class, bad}
	s.marked++
	if !bad {
		return
	}
	s.lastBad = now
	s.keep(Example{
		Probe: r.Probe, Credential: r.Credential, At: r.End.Round(0), Class: r.Class, Code: r.Code,
		Reason: r.Reason, Blame: r.Blame, Excerpt: r.Excerpt, Trace: r.Trace, Span: r.Span,
	})
}

// keep puts an example in front of the others.
func (s *series) keep(e Example) {
	if s.examples == nil {
		s.examples = new([examplesKept]Example)
	}
	copy(s.examples[1:], s.examples[:])
	s.examples[0] = e
}

// kept returns the examples, newest first.
func (s *series) kept() []Example {
	if s.examples == nil {
		return nil
	}
	n := 0
	for n < examplesKept && !s.examples[n].At.IsZero() {
		n++
	}
	return s.examples[:n]
}

// incident returns the incident as it stands at now. It is called while the series fires and at the moment it resolves.
func (s *series) incident(now time.Time) Incident {
	incident := Incident{
		ID: incidentID(s.rule.Name, s.name, s.fired), Rule: s.rule.Name, Series: s.name, Per: s.rule.Per,
		Severity: s.severity, Runbook: s.rule.Runbook, Labels: s.labels,
		Threshold: s.rule.Threshold, Clear: s.rule.Clear, Window: s.rule.Window, Confidence: s.rule.Confidence,
		Crossed: s.crossed, Fired: s.fired, Reopened: s.reopened, Overdue: s.overdue, Acknowledged: s.ack, Recent: s.recent(),
	}
	if s.state != Firing {
		incident.Resolved, incident.Note = now, s.lost
	}
	if s.flapping {
		incident.HeldOpen = s.rule.Reopen
	}
	if s.rule.Objective > 0 {
		incident.Burn = &Burn{Objective: s.rule.Objective, Period: s.rule.Period}
	}
	s.condition.describe(&incident, now)
	s.recount(&incident)
	s.times(&incident)
	for _, e := range s.kept() {
		// Older ones belong to an earlier incident.
		if !e.At.Before(s.crossed.Add(-incident.Window - lateResults)) {
			incident.Examples = append(incident.Examples, e)
		}
	}
	incident.Blame = blameOf(incident.Examples)
	return incident
}

// recent returns the last runs, oldest first.
func (s *series) recent() []Mark {
	kept := min(s.marked, marksKept)
	if kept == 0 {
		return nil
	}
	list := make([]Mark, 0, kept)
	for i := s.marked - kept; i < s.marked; i++ {
		list = append(list, s.marks[i%marksKept])
	}
	return list
}

// blameOf returns the newest word on whose fault it is; that nobody knows counts only when there is no other.
func blameOf(examples []Example) probe.Blame {
	blame := probe.BlameNone
	for _, e := range examples {
		switch e.Blame {
		case probe.BlameCredential, probe.BlameLoginService, probe.BlameAPI, probe.BlameNetwork, probe.BlameWatcher:
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
	figures := Incident{Threshold: s.rule.Threshold}
	if s.rule.Objective > 0 {
		figures.Burn = &Burn{Objective: s.rule.Objective}
	}
	s.condition.describe(&figures, now)
	status := Status{
		Rule: s.rule.Name, Series: s.name, Severity: s.severity, State: s.state,
		Rate: figures.Rate, Runs: figures.Runs, Threshold: figures.Threshold, Since: s.since(),
	}
	if s.state == Pending && s.leader != nil {
		status.CoveredBy = s.leader.rule.Name + " " + s.leader.name
	}
	if s.state == Firing {
		s.times(&figures)
		status.Fired, status.FirstBad, status.LastBad, status.BadRuns = s.fired, figures.FirstBad, figures.LastBad, figures.BadRuns
	}
	return status
}

// setBack moves times that lie after now to now, since the clock was set back.
func (s *series) setBack(now time.Time) {
	for _, t := range []*time.Time{&s.changed, &s.crossed, &s.told, &s.watched, &s.lastBad, &s.lastRun, &s.resolved, &s.quiet, &s.seen, &s.polled} {
		if t.After(now) {
			*t = now
		}
	}
	if s.bad != nil {
		s.bad.setBack(now)
	}
	if c, ok := s.condition.(restarter); ok {
		c.restart(now)
	}
}
