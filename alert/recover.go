package alert

import (
	"slices"
	"time"

	"squarewatch/probe"
)

// lateReason is the note for an incident of an earlier process that was read after a newer incident of its series began.
const lateReason = "the database could be read only now, after the restart; the problem continues as a newer incident"

// Recover sets the states of an earlier process after the engine has begun to watch, because the disk could not be read at the start. A
// series that fires already keeps its new incident: the next Advance ends the old one, with a note.
func (e *Engine) Recover(states []SeriesState, now time.Time) {
	now = e.clock(now)
	keyed := e.byKey()
	states = slices.DeleteFunc(slices.Clone(states), func(state SeriesState) bool {
		s := keyed[seriesKey{rule: state.Rule, series: state.Series}]
		if s == nil || s.state != Firing {
			return false
		}
		if state.State == Firing && state.Incident != s.export().Incident {
			old := endingSeries(s.rule, &state)
			e.queued = append(e.queued, e.endRemoved(old, now, lateReason))
		}
		return true
	})
	e.Restore(states)
	for i := range states {
		if s := keyed[seriesKey{rule: states[i].Rule, series: states[i].Series}]; s != nil {
			s.due = now
			e.timers.arm(s)
		}
	}
	e.endAllRemoved(now)
}

// filler is a condition whose windows can be filled after it began to count.
type filler interface {
	fill(rule *Rule, r *probe.Result, runs int, now time.Time)
}

// BeginFill declares that only runs of the last period, recent, are counted so far; calls of Fill add the earlier ones. Series with a
// longer window neither fire nor resolve until EndFill, because a window that is not full shows a wrong share.
func (e *Engine) BeginFill(recent time.Duration) { e.filled = max(recent, 1) }

// Fill counts equal runs of an earlier process in the windows. The order of the calls does not matter.
func (e *Engine) Fill(r *probe.Result, runs int) {
	if r.Class == probe.ClassNone {
		return
	}
	for _, s := range e.byProbe[r.Probe] {
		if c, ok := s.condition.(filler); ok {
			c.fill(s.rule, r, runs, e.now)
		}
	}
}

// EndFill declares that every window is full.
func (e *Engine) EndFill(now time.Time) {
	now = e.clock(now)
	e.filled = 0
	for _, s := range e.all {
		s.due = now
		e.timers.arm(s)
	}
}

// isFilling reports whether a window of the series is not full yet.
func (e *Engine) isFilling(s *series) bool {
	if e.filled == 0 {
		return false
	}
	c, ok := s.condition.(recaller)
	if !ok {
		return false
	}
	window, _ := c.lookback(s.rule, s.name)
	return window > e.filled
}

func (c *rateCondition) fill(rule *Rule, r *probe.Result, runs int, now time.Time) {
	if countsRun(r) {
		c.window.advance(now)
		c.window.addRuns(r.End, r.Outcome(), rule.bad(r), runs)
	}
}

func (c *burnCondition) fill(rule *Rule, r *probe.Result, runs int, now time.Time) {
	if !countsRun(r) {
		return
	}
	for i := range c.windows {
		for k := range c.windows[i] {
			c.windows[i][k].advance(now)
			c.windows[i][k].addRuns(r.End, r.Outcome(), rule.bad(r), runs)
		}
	}
}

func (c *groupCondition) fill(rule *Rule, r *probe.Result, runs int, now time.Time) {
	for _, p := range []*part{&c.whole, c.byProbe[r.Probe]} {
		if p == nil {
			continue
		}
		if part, ok := p.condition.(filler); ok {
			part.fill(rule, r, runs, now)
		}
	}
	if m := c.byProbe[r.Probe]; m != nil && countsRun(r) && rule.bad(r) {
		c.bad[m] = struct{}{}
	}
	c.stale = true
}

// Recover sets states that were read late; see [Engine.Recover].
func (v *Evaluator) Recover(states []SeriesState) {
	v.change(func(e *Engine) { e.Recover(states, v.nowLocked()) })
}

// FillWith fills the windows of the engine with runs of an earlier process; see [Engine.BeginFill]. The engine is locked for one call only.
func (v *Evaluator) FillWith(runs []EqualRuns) {
	v.change(func(e *Engine) {
		for i := range runs {
			e.Fill(runs[i].Result, runs[i].Runs)
		}
	})
}

// EqualRuns are a number of equal runs. The end of the result is when the last of them can have ended.
type EqualRuns struct {
	Result *probe.Result
	Runs   int
}

// Lookback returns the length of the longest window.
func (v *Evaluator) Lookback() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	all, _ := v.engine.Lookback()
	return all
}

// BeginFill is [Engine.BeginFill].
func (v *Evaluator) BeginFill(recent time.Duration) {
	v.change(func(e *Engine) { e.BeginFill(recent) })
}

// EndFill is [Engine.EndFill].
func (v *Evaluator) EndFill() { v.change(func(e *Engine) { e.EndFill(v.nowLocked()) }) }

func (v *Evaluator) change(change func(e *Engine)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(v.engine)
	v.wakeLocked()
}
