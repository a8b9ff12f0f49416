package alert

import (
	"time"

	"squarewatch/probe"
)

// Part is a part of squarewatch itself, such as its storage or a notifier. The rule [WatcherRule] has a series for each.
type Part struct {
	Name     string        // the name of the series
	Severity Severity      // of its incidents
	After    time.Duration // how long a trouble must be reported before people are notified
	Notify   []string      // names of the notifiers to notify; all when empty
}

// Trouble says why a part of squarewatch does not work. It is plain data.
type Trouble struct {
	Work   string    // what the part does not do, as a sentence without its full stop
	Reason string    // the error
	Effect string    // the consequences, and what still works, as sentences
	Fix    string    // what to do, as a clause; empty when nothing is to be done
	Since  time.Time // when it began; zero for the time of the first report
}

// partCondition is about a part of squarewatch. It fires while a trouble of the part is reported.
type partCondition struct {
	reported bool
	broken   bool
	trouble  Trouble // the last one
}

// partKind returns the kind of the series of parts. It is not in kinds: [Engine.addParts] creates these series, no rule does.
func partKind() *kind { return &kind{withoutRuns: true, ignoresParents: true} }

// addParts adds the series of the parts of squarewatch.
func (e *Engine) addParts(parts []Part) {
	for i := range parts {
		rule := watcherKind().builtin[0]
		rule.Severity, rule.For, rule.Notify = parts[i].Severity, parts[i].After, parts[i].Notify
		e.all = append(e.all, &series{
			deadline: deadline{order: len(e.all), slot: -1}, kind: partKind(), rule: &rule, name: parts[i].Name,
			condition: &partCondition{}, state: Inactive, severity: rule.Severity,
		})
	}
}

// Report records that a part has a trouble at now, or works (nil), and returns the transitions. It ignores parts that the engine does not
// have.
func (e *Engine) Report(part string, trouble *Trouble, now time.Time) []Transition {
	now = e.clock(now)
	out := e.catchUp(now)
	for _, s := range e.all {
		if c, ok := s.condition.(*partCondition); ok && s.name == part {
			c.report(trouble, now)
			s.lastRun = now
			out = e.step(out, s, now)
		}
	}
	return out
}

// report records the state of the part.
func (c *partCondition) report(trouble *Trouble, now time.Time) {
	before := c.broken
	c.reported, c.broken = true, trouble != nil
	if trouble == nil {
		return
	}
	since := c.trouble.Since
	c.trouble = *trouble
	switch {
	case before: // the same trouble, perhaps with another reason
		c.trouble.Since = since
	case c.trouble.Since.IsZero():
		c.trouble.Since = now
	}
}

// observe does nothing: runs say nothing about parts.
func (*partCondition) observe(*Rule, *probe.Result, time.Time) bool { return false }

// evaluate returns the level of the last report. Before the first report it changes nothing.
func (c *partCondition) evaluate(*Rule, time.Time) (level, time.Time) {
	switch {
	case !c.reported:
		return levelUnknown, time.Time{}
	case c.broken:
		return levelCrossed, time.Time{}
	}
	return levelClear, time.Time{}
}

// describe sets the trouble.
func (c *partCondition) describe(incident *Incident, _ time.Time) {
	incident.Condition = ConditionWatcher
	trouble := c.trouble
	incident.Trouble = &trouble
	if c.broken {
		incident.Rate = 1
	}
}

// onset returns when the trouble began.
func (c *partCondition) onset() time.Time { return c.trouble.Since }

// inherit copies the state.
func (c *partCondition) inherit(old condition) bool { return copyState(c, old) }

// Report passes the state of a part of squarewatch to the engine; see [Engine.Report].
func (v *Evaluator) Report(part string, trouble *Trouble) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.transitions = append(v.transitions, v.engine.Report(part, trouble, v.nowLocked())...)
	v.wakeLocked()
}
