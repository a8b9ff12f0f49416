package alert

import (
	"slices"
	"time"

	"squarewatch/probe"
)

// export returns what must outlive the process of a series.
func (s *series) export() SeriesState {
	state := SeriesState{
		Rule: s.rule.Name, Series: s.name, State: s.state, Changed: s.changed, Crossed: s.crossed, Fired: s.fired, Told: s.told,
		Resolved: s.resolved, Announced: s.announced, Reopened: s.reopened, Overdue: s.overdue, Severity: s.severity,
		Acknowledged: s.ack, Owed: s.owed, Flapping: s.flapping, Quiet: s.quiet, Lost: s.lost, Figures: s.figures,
	}
	if s.bad != nil {
		state.Bad, state.Next, state.After = s.bad.incident, s.bad.next, s.bad.after
	}
	if !s.fired.IsZero() {
		state.Incident = incidentID(s.rule.Name, s.name, s.fired)
	}
	state.Examples = slices.Clone(s.kept())
	return state
}

// States returns what must outlive the process of the series that fire, as of the latest time seen. Transitions carry it as well,
// but between two of them bad runs are counted.
func (e *Engine) States() []SeriesState {
	var list []SeriesState
	for _, s := range e.all {
		if s.state == Firing {
			incident := s.incident(e.now)
			s.count(&incident, e.now)
			list = append(list, s.export())
		}
	}
	return list
}

// Restore puts an engine that has seen nothing yet where an earlier process left off: incidents go on and are not announced
// again. What the configuration no longer has is ended by the next Advance, with a note. Recall and then Resume follow.
func (e *Engine) Restore(states []SeriesState) {
	known := e.byKey()
	for i := range states {
		state := &states[i]
		s := known[seriesKey{state.Rule, state.Series}]
		if s == nil {
			if state.State == Firing || state.Owed != nil {
				rule := &Rule{Name: state.Rule}
				rule.Defaults()
				gone := &series{deadline: deadline{slot: -1}, rule: rule, name: state.Series, condition: newRateCondition(rule)}
				gone.restore(state)
				e.lost = append(e.lost, gone)
			}
			continue
		}
		s.restore(state)
		if s.state == Firing {
			e.lead(s)
		}
	}
}

// restore takes over a state. What was only pending is found again by Recall.
func (s *series) restore(state *SeriesState) {
	s.state, s.changed, s.crossed, s.fired, s.told = state.State, state.Changed, state.Crossed, state.Fired, state.Told
	s.resolved, s.announced, s.reopened, s.overdue = state.Resolved, state.Announced, state.Reopened, state.Overdue
	s.ack, s.owed, s.flapping, s.quiet, s.figures, s.lost = state.Acknowledged, state.Owed, state.Flapping, state.Quiet, state.Figures, state.Lost
	if empty := (BadSpan{}); state.Bad != empty || state.Next != empty || state.After != empty {
		bad := s.badTime()
		bad.incident, bad.next, bad.after = state.Bad, state.Next, state.After
	}
	if state.Severity != "" {
		s.severity = state.Severity
	}
	s.examples = nil
	for _, e := range slices.Backward(state.Examples) {
		s.keep(e)
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
		stored, bad := slices.Clone(s.kept()), s.counted()
		s.observe(r, r.End.Round(0))
		s.recross(r.End.Round(0))
		if s.state == Firing && s.examples != nil { // its examples were stored with the incident
			*s.examples = [examplesKept]Example{}
			copy(s.examples[:], stored)
		}
		bad.takeBack(s, r.End)
	}
}

// Resume begins to watch, at now: from here on things fire, by what is seen from here on. Call it once, after Restore and
// Recall, before anything else.
func (e *Engine) Resume(now time.Time) {
	now = e.clock(now)
	for _, s := range e.all {
		e.resume(s, now)
	}
	for _, gone := range e.lost {
		if gone.state != Firing {
			e.owed = append(e.owed, gone.settle(now))
			continue
		}
		e.owed = append(e.owed, e.abandon(gone, now, note(false, e.hasRule(gone.rule.Name))))
	}
	e.lost = nil
}

// Gap notes that a probe was not watched until now: its earlier runs are no evidence to fire.
func (e *Engine) Gap(name string, now time.Time) {
	now = e.clock(now)
	for _, s := range e.byProbe[name] {
		e.resume(s, now)
	}
}

// Unwatched notes between two calls of Recall that no process watched until a time.
func (e *Engine) Unwatched(until time.Time) {
	for _, s := range e.all {
		s.unseen(until.Round(0))
	}
}

// unseen notes that nothing was seen since the last run and until a time: it does not count as time in which a threshold was held.
func (s *series) unseen(until time.Time) {
	if s.state == Pending && until.After(s.seen) {
		s.crossed = s.crossed.Add(until.Sub(s.seen))
	}
	if until.After(s.seen) {
		s.seen = until
	}
}

// recross repeats what the process before knew of a threshold that must be held.
func (s *series) recross(now time.Time) {
	if s.rule.For == 0 || s.state == Firing {
		return
	}
	switch v, _ := s.condition.judge(s.rule, now); {
	case v == over && s.state == Inactive:
		s.state, s.changed, s.crossed = Pending, now, now
	case v == under || v == between:
		s.state = Inactive
	}
}

// resume begins to watch a series anew.
func (e *Engine) resume(s *series, now time.Time) {
	s.watched = now
	s.unseen(now)
	if c, ok := s.condition.(restarter); ok {
		c.restart(now)
	}
	s.due = now
	e.timers.arm(s)
}

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
