package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"squarewatch/probe"
)

const (
	// maxExamples is how many bad runs an incident shows.
	maxExamples = 3
	// maxMarks is how many of the last runs an incident shows.
	maxMarks = 24
)

// series is one set of runs that a rule counts, with its state.
type series struct {
	deadline

	kind      *kind
	rule      *Rule
	name      string
	labels    map[string]string // of the probe; only for a rule per probe
	parents   []*parent         // of the probe; only for a rule per probe
	condition condition
	examples  *[maxExamples]Example // newest first; allocated with the first bad run, since most series never have one
	marks     [maxMarks]Mark        // a ring buffer
	marked    int                   // number of marks ever added

	state        State
	changed      time.Time // when the state was entered
	crossed      time.Time // when the threshold was crossed; meaningless while inactive
	fired        time.Time // when the incident began; kept after its end, because it may reopen
	lastNotified time.Time // when the last message about it was due; only while firing
	resolved     time.Time // when it ended last
	severity     Severity  // as last announced

	reopened     int
	paused       time.Duration // total time in which the incident was over before it reopened
	flapping     bool          // it has reopened so often that it is held open
	clearSince   time.Time     // while flapping: since when it is clear; zero while it is not
	overdue      bool          // announced as older than SupportAfter
	announced    bool          // FIRING was announced
	acknowledged *Acknowledgement
	owedEnd      *Incident // the incident as it ended, kept until its end is announced; mostly nil

	evidenceFrom time.Time // earlier bad runs are not evidence: the probe was not watched, or something else explains them
	lastBad      time.Time
	lastRun      time.Time
	endReason    string              // why the incident ended without a recovery; mostly empty
	unrecovered  map[string]struct{} // for a group that fires: probes that were bad in the incident and have had no good run since
	seenUntil    time.Time           // time until which runs were seen; the threshold does not count as held after it
	coverChecked time.Time           // when coveredBy was determined last
	bad          *badTime            // nil before the first bad run
	verdicts     *Verdicts           // nil before the first bad run that says whose fault it is
	figures      *Figures            // as counted last while it fired; nil when it never fired
	firedWith    RunCount            // as counted when the incident began
	onset        time.Time           // first of the bad runs in a row that crossed the threshold; meaningless while inactive
	lead         *leading            // the series that joined the incident; nil for none
	joined       *joining            // the incident that it joined; nil for none
	endedWith    string              // the incident that it had joined when it ended; empty for none
	coveredBy    *series             // the announced incident that explains this series, while it is pending; nil for none
}

// observe counts a finished run.
func (s *series) observe(r *probe.Result, now time.Time) {
	bad := s.condition.observe(s.rule, r, now)
	s.lastRun, s.seenUntil = now, now
	s.observeForBadTime(r.End.Round(0), bad)
	s.observeRecovery(r, bad)
	s.marks[s.marked%maxMarks] = Mark{Class: r.Class, Bad: bad}
	s.marked++
	if !bad {
		return
	}
	s.lastBad = now
	s.observeVerdict(r)
	s.addExample(Example{
		Probe: r.Probe, Credential: r.Credential, At: r.End.Round(0), Class: r.Class, Code: r.Code,
		Reason: r.Reason, Blame: r.Blame, Excerpt: r.Excerpt, Trace: r.Trace, Span: r.Span,
	})
}

// observeRecovery records which probes of a firing group have not had a good run yet.
func (s *series) observeRecovery(r *probe.Result, bad bool) {
	_, isGroup := s.condition.(groupEvaluator)
	switch {
	case !isGroup || s.state != Firing || !countsRun(r):
	case !bad:
		delete(s.unrecovered, r.Probe)
	case s.unrecovered == nil:
		s.unrecovered = map[string]struct{}{r.Probe: {}}
	default:
		s.unrecovered[r.Probe] = struct{}{}
	}
}

// addExample adds an example in front of the others.
func (s *series) addExample(e Example) {
	if s.examples == nil {
		s.examples = new([maxExamples]Example)
	}
	copy(s.examples[1:], s.examples[:])
	s.examples[0] = e
}

// exampleList returns the examples, newest first.
func (s *series) exampleList() []Example {
	if s.examples == nil {
		return nil
	}
	n := 0
	for n < maxExamples && !s.examples[n].At.IsZero() {
		n++
	}
	return s.examples[:n]
}

// incident returns the incident as it is at now. It is called while the series fires, and at the moment when it resolves.
func (s *series) incident(now time.Time) Incident {
	incident := Incident{
		ID: s.incidentID(), Rule: s.rule.Name, Series: s.name, Per: s.rule.Per,
		Severity: s.severity, Runbook: s.rule.Runbook, Labels: s.labels,
		Threshold: s.rule.Threshold, Clear: s.rule.Clear, Window: s.rule.Window, Confidence: s.rule.Confidence,
		Crossed: s.crossed, Fired: s.fired, FiredWith: s.firedWith, Reopened: s.reopened, Paused: s.paused, Overdue: s.overdue,
		Acknowledged: s.acknowledged, Recent: s.recent(),
	}
	if s.state != Firing {
		incident.Resolved, incident.EndReason = now, s.endReason
	}
	if s.flapping {
		incident.HeldOpen = s.rule.Reopen
	}
	if s.rule.Objective > 0 {
		incident.Burn = &Burn{Objective: s.rule.Objective, Period: s.rule.Period}
	}
	s.condition.describe(&incident, now)
	s.useSavedFigures(&incident)
	s.fillBadTime(&incident)
	for _, e := range s.exampleList() {
		// older examples belong to an earlier incident
		if !e.At.Before(s.incidentFrom()) {
			incident.Examples = append(incident.Examples, e)
		}
	}
	s.fillVerdict(&incident)
	s.fillCause(&incident)
	return incident
}

// recent returns the last runs, oldest first.
func (s *series) recent() []Mark {
	kept := min(s.marked, maxMarks)
	if kept == 0 {
		return nil
	}
	list := make([]Mark, 0, kept)
	for i := s.marked - kept; i < s.marked; i++ {
		list = append(list, s.marks[i%maxMarks])
	}
	return list
}

// incidentID returns the identifier of the incident that fires, or fired last.
func (s *series) incidentID() string { return incidentID(s.rule.Name, s.name, s.fired) }

// incidentID returns an identifier that is the same whenever the same history is replayed.
func incidentID(rule, series string, fired time.Time) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", rule, series, fired.UnixNano()))
	return hex.EncodeToString(sum[:6])
}

// hasServerErrors reports whether the newest bad run is a server error: only then can AISquare's support help.
func (s *series) hasServerErrors() bool {
	return s.examples != nil && s.examples[0].Class == probe.ServerError
}

// status returns the series for metrics, the status page and people. It overwrites figures.
func (s *series) status(now time.Time, figures *Incident) Status {
	*figures = Incident{Threshold: s.rule.Threshold}
	if s.rule.Objective > 0 {
		figures.Burn = &Burn{Objective: s.rule.Objective}
	}
	s.condition.describe(figures, now)
	status := Status{
		Rule: s.rule.Name, Series: s.name, Severity: s.severity, State: s.state,
		Rate: figures.Rate, Runs: figures.Runs, Threshold: figures.Threshold, Since: s.since(),
	}
	switch {
	case s.state == Pending && s.coveredBy != nil:
		status.CoveredBy = s.coveredBy.rule.Name + " " + s.coveredBy.name
	case s.state == Firing && s.joined != nil && s.joined.leader != nil:
		status.CoveredBy = s.joined.leader.rule.Name + " " + s.joined.leader.name
	}
	if s.state != Inactive {
		v := s.verdict()
		status.Blame, status.Evidence, status.Advice = v.Blame, v.Evidence, v.Advice
	}
	if s.state == Firing {
		s.fillBadTime(figures)
		status.Fired, status.FirstBad, status.LastBad, status.BadRuns = s.fired, figures.FirstBad, figures.LastBad, figures.BadRuns
	}
	return status
}

// setBack moves times that lie after now to now, because the clock was set back.
func (s *series) setBack(now time.Time) {
	for _, t := range []*time.Time{
		&s.changed, &s.crossed, &s.lastNotified, &s.evidenceFrom, &s.lastBad, &s.lastRun, &s.resolved, &s.clearSince, &s.seenUntil,
		&s.coverChecked, &s.onset,
	} {
		if t.After(now) {
			*t = now
		}
	}
	if s.bad != nil {
		s.bad.setBack(now)
	}
	if s.verdicts != nil {
		s.verdicts.setBack(now)
	}
	if c, ok := s.condition.(restarter); ok {
		c.restart(now)
	}
}
