package alert

import (
	"maps"
	"slices"
	"time"

	"squarewatch/probe"
)

// Lookback returns which earlier runs an engine needs to evaluate as if it had never stopped. It needs all runs of the period all. The map
// last names probes: of each it also needs that number of its newest runs, however old they are.
func (e *Engine) Lookback() (all time.Duration, last map[string]int) {
	last = map[string]int{}
	for name, list := range e.byProbe {
		for _, s := range list {
			if c, ok := s.condition.(recaller); ok {
				window, runs := c.lookback(s.rule, name)
				all = max(all, window)
				if runs > 0 {
					last[name] = max(last[name], runs)
				}
			}
		}
	}
	return all, last
}

// States returns the state of each firing series at the latest time seen. A transition has the state too, but between two transitions the
// engine counts further bad runs.
func (e *Engine) States() []SeriesState {
	var list []SeriesState
	for _, s := range e.all {
		if s.state == Firing {
			incident := s.incident(e.now)
			s.saveFigures(&incident, e.now)
			list = append(list, s.export())
		}
	}
	return list
}

// export returns the state of a series that must survive a restart.
func (s *series) export() SeriesState {
	state := SeriesState{
		Rule: s.rule.Name, Series: s.name, State: s.state, Changed: s.changed, Crossed: s.crossed, Fired: s.fired, Notified: s.lastNotified,
		Resolved: s.resolved, Announced: s.announced, Reopened: s.reopened, Overdue: s.overdue, Severity: s.severity,
		Acknowledged: s.acknowledged, Owed: s.owedEnd, Flapping: s.flapping, Quiet: s.clearSince, Paused: s.paused, Figures: s.figures,
		Counts: s.rule.counts(), Unrecovered: slices.Sorted(maps.Keys(s.unrecovered)),
	}
	if s.bad != nil {
		state.Bad, state.Next, state.After = s.bad.incident, s.bad.next, s.bad.after
	}
	if !s.fired.IsZero() {
		state.Incident = incidentID(s.rule.Name, s.name, s.fired)
	}
	state.Examples = slices.Clone(s.exampleList())
	if s.verdicts != nil {
		state.Verdicts = new(*s.verdicts)
	}
	if s.lead != nil {
		state.Cause = new(s.lead.Cause)
		state.Cause.Joined = slices.Clone(s.lead.Joined)
	}
	if s.joined != nil {
		state.Leader, state.LeaderUntil = s.joined.incident, s.joined.until
	}
	state.Onset, state.FiredWith = s.onset, s.firedWith
	return state
}

// removedSeries is a series that fired in an earlier process. The configuration no longer has it, or counts its runs in another way.
type removedSeries struct {
	*series

	why string // for people: why its incident ends
}

// Restore sets the state that an earlier process left, in an engine that has seen no results yet. Firing incidents continue and are not
// announced again. The next Advance ends incidents that the configuration no longer has, with a note. Call Recall and then Resume
// afterwards.
func (e *Engine) Restore(states []SeriesState) {
	keyed := e.byKey()
	for i := range states {
		state := &states[i]
		s := keyed[seriesKey{rule: state.Rule, series: state.Series}]
		// Before version 0.2, the list of probes was part of the text of each rule.
		changed := s != nil && state.Counts != "" && state.Counts != s.rule.counts() && state.Counts != s.rule.countsOf(s.rule.Probes)
		if s == nil || changed {
			if state.State == Firing || state.Owed != nil {
				rule := &Rule{Name: state.Rule}
				rule.Defaults()
				gone := endingSeries(rule, state)
				e.removed = append(e.removed, removedSeries{series: gone, why: endReason(changed, e.hasRule(state.Rule))})
			}
			continue
		}
		s.restore(state)
	}
	e.link()
	for _, s := range e.all {
		e.recordLeader(s)
	}
}

// endingSeries returns a series with a stored state. It exists only to end its incident, and is never evaluated.
func endingSeries(rule *Rule, state *SeriesState) *series {
	s := &series{deadline: deadline{slot: -1}, kind: kindOf(state.Rule), rule: rule, name: state.Series, condition: newRateCondition(rule)}
	s.restore(state)
	return s
}

// restore sets a stored state. Only Firing is restored: Recall finds a pending state again, and a damaged row may have any other.
func (s *series) restore(state *SeriesState) {
	s.state, s.changed, s.crossed, s.fired, s.lastNotified = state.State, state.Changed, state.Crossed, state.Fired, state.Notified
	s.resolved, s.announced, s.reopened, s.overdue = state.Resolved, state.Announced, state.Reopened, state.Overdue
	s.acknowledged, s.owedEnd, s.flapping, s.clearSince = state.Acknowledged, state.Owed, state.Flapping, state.Quiet
	s.figures, s.unrecovered, s.paused, s.firedWith = state.Figures, setOf(state.Unrecovered), state.Paused, state.FiredWith
	if empty := (BadSpan{}); state.Bad != empty || state.Next != empty || state.After != empty {
		bad := s.badTime()
		bad.incident, bad.next, bad.after = state.Bad, state.Next, state.After
	}
	if state.Severity != "" {
		s.severity = state.Severity
	}
	s.restoreVerdict(state)
	s.onset, s.lead, s.joined = state.Onset, nil, nil
	if state.Cause != nil {
		s.lead = &leading{Cause: *state.Cause}
	}
	if state.Leader != "" && state.State == Firing {
		s.joined = &joining{incident: state.Leader, until: state.LeaderUntil}
	}
	s.examples = nil
	for _, e := range slices.Backward(state.Examples) {
		s.addExample(e)
	}
	if s.state != Firing {
		s.state = Inactive
	}
}

// Recall counts a result that an earlier process has evaluated. Call it for each such result, in the order of time. The results fill the
// windows, and nothing fires.
func (e *Engine) Recall(r *probe.Result) {
	if r.Class == probe.ClassNone {
		return
	}
	e.observeProbe(r)
	for _, s := range e.byProbe[r.Probe] {
		stored, bad := slices.Clone(s.exampleList()), s.saveCounted()
		s.observe(r, r.End.Round(0))
		s.recallPending(r.End.Round(0))
		if s.state == Firing && s.examples != nil { // its examples were stored with the incident, and are not added again
			*s.examples = [maxExamples]Example{}
			copy(s.examples[:], stored)
		}
		bad.undo(s, r.End)
	}
}

// recallPending restores since when the earlier process saw the threshold crossed.
func (s *series) recallPending(now time.Time) {
	if s.rule.For == 0 || s.state == Firing {
		return
	}
	switch v, _ := s.condition.evaluate(s.rule, now); {
	case v == levelCrossed && s.state == Inactive:
		s.state, s.changed, s.crossed = Pending, now, now
	case v == levelClear || v == levelBetween:
		s.state = Inactive
	}
}

// Unwatched records that no process was running from the last recalled run until a time. Call it between two calls of Recall.
func (e *Engine) Unwatched(until time.Time) {
	for _, s := range e.all {
		s.skipUnseen(until.Round(0))
	}
}

// Resume begins to watch at now: only runs from now on are evidence to fire. Call it after Restore and Recall, before anything else. Call
// it also when the process stood still until now.
func (e *Engine) Resume(now time.Time) {
	now = e.clock(now)
	for _, s := range e.all {
		e.resumeSeries(s, now)
	}
	e.endAllRemoved(now)
}

// endAllRemoved ends the incidents of an earlier process that the configuration no longer has.
func (e *Engine) endAllRemoved(now time.Time) {
	for _, gone := range e.removed {
		if gone.state != Firing {
			e.queued = append(e.queued, gone.takeOwedEnd(now))
			continue
		}
		e.queued = append(e.queued, e.endRemoved(gone.series, now, gone.why))
	}
	e.removed = nil
}

// Gap records that a probe was not watched until now. Runs before now are not evidence to fire.
func (e *Engine) Gap(name string, now time.Time) {
	now = e.clock(now)
	for _, s := range e.byProbe[name] {
		e.resumeSeries(s, now)
	}
}

// resumeSeries begins to watch one series at now.
func (e *Engine) resumeSeries(s *series, now time.Time) {
	s.evidenceFrom = now
	s.skipUnseen(now)
	if c, ok := s.condition.(restarter); ok {
		c.restart(now)
	}
	s.due = now
	e.timers.arm(s)
}

// skipUnseen records that no run was seen from the last one until a time. The time between counts neither
// as time over the threshold nor as time below it.
func (s *series) skipUnseen(until time.Time) {
	if s.state == Pending && until.After(s.seenUntil) {
		s.crossed = s.crossed.Add(until.Sub(s.seenUntil))
	}
	switch {
	case s.clearSince.IsZero() || !until.After(s.seenUntil):
	case s.seenUntil.IsZero():
		s.clearSince = until
	default:
		s.clearSince = s.clearSince.Add(until.Sub(s.seenUntil))
	}
	if until.After(s.seenUntil) {
		s.seenUntil = until
	}
}

// inherit copies from the previous engine the series that still count the same runs, and ends the incidents of the others.
func (e *Engine) inherit(previous *Engine) {
	e.now, e.queued, e.muting.silences, e.filled = previous.now, previous.queued, previous.muting.silences, previous.filled
	e.lastGood = previous.lastGood
	if !e.now.IsZero() {
		e.muting.refresh(e.now)
	}
	current := e.byKey()
	for _, old := range previous.all {
		successor := current[seriesKey{rule: old.rule.Name, series: old.name}]
		switch {
		case successor != nil && successor.rule.countsLike(old.rule):
			// A changed schedule may need another condition. That condition begins to count at zero, and the incident continues.
			successor.condition.inherit(old.condition)
			successor.inherit(old)
			if successor.state != Inactive || !old.due.IsZero() {
				successor.due = e.now // the thresholds may have changed
				e.timers.arm(successor)
			}
		case old.state == Firing:
			e.queued = append(e.queued, e.endRemoved(old, e.now, endReason(successor != nil, e.hasRule(old.rule.Name))))
		case old.owedEnd != nil:
			e.queued = append(e.queued, old.takeOwedEnd(e.now))
		}
	}
	e.link()
	for _, s := range e.all {
		e.recordLeader(s)
	}
	for name, p := range previous.parents {
		if successor := e.parents[name]; successor != nil {
			successor.failing = p.failing
		}
	}
}

// seriesKey identifies a series of a rule.
type seriesKey struct{ rule, series string }

// byKey returns the series by their keys.
func (e *Engine) byKey() map[seriesKey]*series {
	keyed := make(map[seriesKey]*series, len(e.all))
	for _, s := range e.all {
		keyed[seriesKey{rule: s.rule.Name, series: s.name}] = s
	}
	return keyed
}

// hasRule reports whether there is a rule of this name.
func (e *Engine) hasRule(name string) bool {
	for _, rule := range e.rules {
		if rule.Name == name {
			return true
		}
	}
	return false
}

// inherit copies everything from an older series, except what the configuration determines.
func (s *series) inherit(old *series) {
	own := *s
	*s = *old
	s.kind, s.rule, s.order, s.labels, s.parents, s.condition = own.kind, own.rule, own.order, own.labels, own.parents, own.condition
	s.coveredBy, s.due, s.slot = nil, time.Time{}, -1
}

// endRemoved ends the incident of a series that is no longer evaluated.
func (e *Engine) endRemoved(s *series, now time.Time, why string) Transition {
	s.setState(Inactive, now)
	t := e.transition(s, EventEnded, now)
	t.Incident.EndReason = why
	if s.owedEnd != nil { // a removed series cannot announce its end after the silence: the outbox holds the message back instead
		s.owedEnd, t.Muted = nil, false
		t.State = s.export()
	}
	return t
}

// takeOwedEnd returns the transition for an end that a silence held back.
func (s *series) takeOwedEnd(now time.Time) Transition {
	t := s.newTransition(endEvent(s.owedEnd.EndReason), now)
	t.Incident, s.owedEnd = *s.owedEnd, nil
	t.State = s.export()
	return t
}

// endReason says why a change of the configuration ends an incident.
func endReason(seriesStays, ruleStays bool) string {
	switch {
	case seriesStays:
		return "the rule was changed and starts to count again"
	case ruleStays:
		return "the rule no longer watches this, or it was removed from the configuration"
	}
	return "the rule was removed from the configuration or renamed"
}
