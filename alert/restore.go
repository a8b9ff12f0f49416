package alert

import (
	"slices"
	"strings"
	"time"

	"squarewatch/probe"
)

// Lookback returns what an engine needs to have recalled to judge as if it had never stopped: the runs of so long, and
// beyond that so many of the last runs of each of the named probes.
func (e *Engine) Lookback() (all time.Duration, last map[string]int) {
	last = map[string]int{}
	for name, list := range e.byProbe {
		for _, s := range list {
			if c, ok := s.condition.(rememberer); ok {
				window, runs := c.remembers(s.rule, name)
				all = max(all, window)
				if runs > 0 {
					last[name] = max(last[name], runs)
				}
			}
		}
	}
	return all, last
}

// States returns what must outlive the process of the series that fire, as of the latest time seen. Transitions carry it as well,
// but between two of them bad runs are counted.
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

// export returns what must outlive the process of a series.
func (s *series) export() SeriesState {
	state := SeriesState{
		Rule: s.rule.Name, Series: s.name, State: s.state, Changed: s.changed, Crossed: s.crossed, Fired: s.fired, Told: s.lastNotified,
		Resolved: s.resolved, Announced: s.announced, Reopened: s.reopened, Overdue: s.overdue, Severity: s.severity,
		Acknowledged: s.acknowledged, Owed: s.owedEnd, Flapping: s.flapping, Quiet: s.clearSince, Lost: s.endNote, Figures: s.figures,
	}
	if s.bad != nil {
		state.Bad, state.Next, state.After = s.bad.incident, s.bad.next, s.bad.after
	}
	if !s.fired.IsZero() {
		state.Incident = incidentID(s.rule.Name, s.name, s.fired)
	}
	state.Examples = slices.Clone(s.exampleList())
	return state
}

// Restore puts an engine that has seen nothing yet where an earlier process left off: incidents go on and are not announced
// again. What the configuration no longer has is ended by the next Advance, with a note. Recall and then Resume follow.
func (e *Engine) Restore(states []SeriesState) {
	known := e.byKey()
	for i := range states {
		state := &states[i]
		s := known[seriesKey{rule: state.Rule, series: state.Series}]
		if s == nil {
			if state.State == Firing || state.Owed != nil {
				rule := &Rule{Name: state.Rule}
				rule.Defaults()
				gone := &series{deadline: deadline{slot: -1}, kind: kindOf(state.Rule), rule: rule, name: state.Series, condition: newRateCondition(rule)}
				gone.restore(state)
				e.removed = append(e.removed, gone)
			}
			continue
		}
		s.restore(state)
		if s.state == Firing {
			e.recordAnnouncer(s)
		}
	}
}

// restore takes over a state. What was only pending is found again by Recall.
func (s *series) restore(state *SeriesState) {
	s.state, s.changed, s.crossed, s.fired, s.lastNotified = state.State, state.Changed, state.Crossed, state.Fired, state.Told
	s.resolved, s.announced, s.reopened, s.overdue = state.Resolved, state.Announced, state.Reopened, state.Overdue
	s.acknowledged, s.owedEnd, s.flapping, s.clearSince, s.figures, s.endNote = state.Acknowledged, state.Owed, state.Flapping, state.Quiet, state.Figures, state.Lost
	if empty := (BadSpan{}); state.Bad != empty || state.Next != empty || state.After != empty {
		bad := s.badTime()
		bad.incident, bad.next, bad.after = state.Bad, state.Next, state.After
	}
	if state.Severity != "" {
		s.severity = state.Severity
	}
	s.examples = nil
	for _, e := range slices.Backward(state.Examples) {
		s.addExample(e)
	}
	if s.state == Pending {
		s.state = Inactive
	}
}

// Recall takes results that an earlier process has judged, in the order of time: they fill the windows, and nothing fires.
func (e *Engine) Recall(r *probe.Result) {
	if r.Class == probe.ClassNone {
		return
	}
	if p := e.parents[r.Probe]; p != nil {
		p.failing = !r.Expected
	}
	for _, s := range e.byProbe[r.Probe] {
		stored, bad := slices.Clone(s.exampleList()), s.saveCounted()
		s.observe(r, r.End.Round(0))
		s.recallPending(r.End.Round(0))
		if s.state == Firing && s.examples != nil { // its examples were stored with the incident
			*s.examples = [maxExamples]Example{}
			copy(s.examples[:], stored)
		}
		bad.undo(s, r.End)
	}
}

// recross repeats what the process before knew of a threshold that must be held.
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

// Unwatched notes between two calls of Recall that no process watched until a time.
func (e *Engine) Unwatched(until time.Time) {
	for _, s := range e.all {
		s.skipUnseen(until.Round(0))
	}
}

// Resume begins to watch, at now: from here on things fire, by what is seen from here on. Call it once, after Restore and
// Recall, before anything else.
func (e *Engine) Resume(now time.Time) {
	now = e.clock(now)
	for _, s := range e.all {
		e.resumeSeries(s, now)
	}
	for _, gone := range e.removed {
		if gone.state != Firing {
			e.queued = append(e.queued, gone.takeOwedEnd(now))
			continue
		}
		e.queued = append(e.queued, e.endRemoved(gone, now, endReason(false, e.hasRule(gone.rule.Name))))
	}
	e.removed = nil
}

// Gap notes that a probe was not watched until now: its earlier runs are no evidence to fire.
func (e *Engine) Gap(name string, now time.Time) {
	now = e.clock(now)
	for _, s := range e.byProbe[name] {
		e.resumeSeries(s, now)
	}
}

// resume begins to watch a series anew.
func (e *Engine) resumeSeries(s *series, now time.Time) {
	s.evidenceFrom = now
	s.skipUnseen(now)
	if c, ok := s.condition.(restarter); ok {
		c.restart(now)
	}
	s.due = now
	e.timers.arm(s)
}

// unseen notes that nothing was seen since the last run and until a time: it does not count as time in which a threshold was held.
func (s *series) skipUnseen(until time.Time) {
	if s.state == Pending && until.After(s.seenUntil) {
		s.crossed = s.crossed.Add(until.Sub(s.seenUntil))
	}
	if until.After(s.seenUntil) {
		s.seenUntil = until
	}
}

// inherit takes over what the previous engine knew of the series that are still the same, and ends the other incidents.
func (e *Engine) inherit(previous *Engine) {
	e.now, e.queued, e.muting.silences = previous.now, previous.queued, previous.muting.silences
	if !e.now.IsZero() {
		e.muting.refresh(e.now)
	}
	heirs := e.byKey()
	for _, old := range previous.all {
		heir := heirs[seriesKey{rule: old.rule.Name, series: old.name}]
		switch {
		case heir != nil && heir.rule.countsLike(old.rule) && heir.condition.inherit(old.condition):
			heir.inherit(old)
			heir.recordRemoved(old)
			if heir.state != Inactive || !old.due.IsZero() {
				heir.due = e.now // the thresholds may be others
				e.timers.arm(heir)
			}
			if heir.state == Firing {
				e.recordAnnouncer(heir)
			}
		case old.state == Firing:
			e.queued = append(e.queued, e.endRemoved(old, e.now, endReason(heir != nil, e.hasRule(old.rule.Name))))
		case old.owedEnd != nil:
			e.queued = append(e.queued, old.takeOwedEnd(e.now))
		}
	}
	for name, p := range previous.parents {
		if heir := e.parents[name]; heir != nil {
			heir.failing = p.failing
		}
	}
}

// seriesKey names a series among all.
type seriesKey struct{ rule, series string }

func (e *Engine) byKey() map[seriesKey]*series {
	keyed := make(map[seriesKey]*series, len(e.all))
	for _, s := range e.all {
		keyed[seriesKey{rule: s.rule.Name, series: s.name}] = s
	}
	return keyed
}

func (e *Engine) hasRule(name string) bool {
	for _, rule := range e.rules {
		if rule.Name == name {
			return true
		}
	}
	return false
}

// inherit takes over everything but what the new configuration says.
func (s *series) inherit(old *series) {
	own := *s
	*s = *old
	s.kind, s.rule, s.order, s.labels, s.parents, s.condition = own.kind, own.rule, own.order, own.labels, own.parents, own.condition
	s.coveredBy, s.due, s.slot = nil, time.Time{}, -1
}

// lose notes which probes were bad in a firing incident and are no longer in its series: that it ends does not mean they recovered.
func (s *series) recordRemoved(old *series) {
	now, ok := s.condition.(grouper)
	if !ok || s.state != Firing {
		return
	}
	var gone []string
	for _, name := range old.stillBad() {
		if !now.has(name) {
			gone = append(gone, name)
		}
	}
	if len(gone) > 0 {
		s.endNote = "the rule no longer watches " + strings.Join(gone[:min(len(gone), maxExamples)], ", ") + ", which was still bad"
	}
}

// abandon ends an incident that no series evaluates any more.
func (e *Engine) endRemoved(s *series, now time.Time, why string) Transition {
	s.setState(Inactive, now)
	t := e.transition(s, EventEnded, now)
	t.Incident.Note = why
	if s.owedEnd != nil { // no series will be there to tell it later: the outbox holds it back
		s.owedEnd, t.Muted = nil, false
		t.State = s.export()
	}
	return t
}

// settle tells what was over while it was silenced, for a series that will not be there when the silence ends.
func (s *series) takeOwedEnd(now time.Time) Transition {
	t := s.newTransition(endEvent(s.owedEnd.Note), now)
	t.Incident, s.owedEnd = *s.owedEnd, nil
	t.State = s.export()
	return t
}

func endReason(seriesStays, ruleStays bool) string {
	switch {
	case seriesStays:
		return "the rule was changed and starts to count again"
	case ruleStays:
		return "the rule no longer watches this, or it was removed from the configuration"
	}
	return "the rule was removed from the configuration or renamed"
}
