package alert

import (
	"cmp"
	"slices"
	"time"

	"squarewatch/probe"
)

// groupCondition is for rules that count several probes together. It evaluates all of them as a whole, and each probe by itself. Its level
// is the worst of these. Otherwise the good runs of the others would hide one probe that always fails: one endpoint of ten that answers
// 401 is a rate of 10 %.
type groupCondition struct {
	whole   part
	members []*part // in the order of the configuration
	byProbe map[string]*part
	due     timers[*part]         // members that passing time may change
	levels  [levelCrossed + 1]int // number of members at each level
	grades  [3]int                // number of crossed members of each severity, by rank
	stale   bool                  // every member must be evaluated again, not only those that are due
	bad     map[*part]struct{}    // members with a bad run that may still count
}

// part is the whole of a group, or one of its probes.
type part struct {
	deadline

	probe     string // empty for the whole
	isRare    bool   // it runs too seldom for a rate
	condition condition
	level     level
	grade     Severity  // its severity; empty unless crossed
	crossed   bool      // it was crossed, and has not been clear since
	lastBad   bool      // the rule counts its last run as bad
	badAt     time.Time // when its last bad run ended
}

// newGroupCondition returns the condition of a rule for several probes.
func newGroupCondition(rule *Rule, probes []*probe.Probe) *groupCondition {
	c := &groupCondition{
		whole:   part{condition: newShareCondition(rule, false), isRare: rule.rarelyTogether(probes)},
		byProbe: make(map[string]*part, len(probes)), bad: map[*part]struct{}{}, stale: true,
	}
	for i, p := range probes {
		rare := rule.Rarely(p)
		m := &part{deadline: deadline{order: i, slot: -1}, probe: p.Name, isRare: rare, condition: newShareCondition(rule, rare)}
		c.members = append(c.members, m)
		c.byProbe[p.Name] = m
	}
	c.levels[levelUnknown] = len(c.members)
	return c
}

// observe counts a run in the whole and for its probe.
func (c *groupCondition) observe(rule *Rule, r *probe.Result, now time.Time) bool {
	bad := c.whole.condition.observe(rule, r, now)
	m := c.byProbe[r.Probe]
	if m == nil {
		return bad
	}
	m.condition.observe(rule, r, now)
	if countsRun(r) {
		m.lastBad = bad
	}
	if bad {
		m.badAt = now
		c.bad[m] = struct{}{}
	}
	c.evaluateMember(m, rule, now)
	return bad
}

// evaluate returns the worst level of the whole and the members. It evaluates only members that are due, so that a run costs the same for
// any number of members.
func (c *groupCondition) evaluate(rule *Rule, now time.Time) (level, time.Time) {
	if c.stale {
		c.stale = false
		for _, m := range c.members {
			c.evaluateMember(m, rule, now)
		}
	}
	for len(c.due) > 0 && !c.due[0].due.After(now) {
		c.evaluateMember(c.due[0], rule, now)
	}
	c.whole.evaluate(rule, now)
	worst := c.whole.level
	for v := levelCrossed; v > worst; v-- {
		if c.levels[v] > 0 {
			worst = v
		}
	}
	next := c.whole.due
	if len(c.due) > 0 {
		next = earliest(next, c.due[0].due)
	}
	return worst, next
}

// evaluateMember evaluates a member at now.
func (c *groupCondition) evaluateMember(m *part, rule *Rule, now time.Time) {
	c.tally(m, -1)
	m.evaluate(rule, now)
	c.tally(m, 1)
	if m.level <= levelClear && !m.lastBad && m.due.IsZero() {
		delete(c.bad, m)
	}
	c.due.arm(m)
}

// tally adds n to the numbers of members at this member's level and severity.
func (c *groupCondition) tally(m *part, n int) {
	c.levels[m.level] += n
	if m.grade != "" {
		c.grades[rank(m.grade)] += n
	}
}

// evaluate evaluates the part's condition. A part that was crossed and now has too few runs is not clear yet. A rare probe counts only
// when its streak is long enough, because its one bad run may be days old.
func (p *part) evaluate(rule *Rule, now time.Time) {
	v, next := p.condition.evaluate(rule, now)
	switch {
	case v == levelCrossed:
		p.crossed = true
	case v == levelClear:
		p.crossed = false
	case v == levelUnknown && p.crossed && !p.isRare: // a rare part never has enough runs to become clear
		v = levelBetween
	case v == levelBetween && p.isRare && !p.crossed:
		v = levelClear
	}
	if !next.After(now) {
		next = time.Time{} // a part that is always due would be evaluated in an endless loop
	}
	p.level, p.due, p.grade = v, next, ""
	if v == levelCrossed {
		p.grade = rule.Severity
		if g, ok := p.condition.(grader); ok {
			p.grade = g.severity(rule)
		}
	}
}

// stillBad returns the probes whose last run was bad and ended after since, in the order of the configuration.
func (c *groupCondition) stillBad(since time.Time) []string {
	var names []string
	for _, m := range c.ordered() {
		if m.lastBad && m.badAt.After(since) {
			names = append(names, m.probe)
		}
	}
	return names
}

// ordered returns the members with a bad run, in the order of the configuration.
func (c *groupCondition) ordered() []*part {
	if len(c.bad) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.members), func(m *part) bool { _, bad := c.bad[m]; return !bad })
}

// describe sets the figures of the worst part. That is the whole if it is crossed, or else the first crossed probe. For a firing incident
// without either, it is the first probe whose last run was bad, because the incident waits for that probe.
func (c *groupCondition) describe(incident *Incident, now time.Time) {
	worst, firing := &c.whole, !incident.Fired.IsZero() && incident.Resolved.IsZero()
	var figures []ProbeCount
	for _, m := range c.ordered() {
		count := m.count(*incident, now)
		if count.Bad > 0 || m.lastBad {
			figures = append(figures, count)
		}
		if worst.level < levelCrossed && (m.level == levelCrossed || firing && m.lastBad && worst == &c.whole) {
			worst = m
		}
	}
	slices.SortStableFunc(figures, func(a, b ProbeCount) int {
		return cmp.Or(cmp.Compare(b.rate(), a.rate()), cmp.Compare(b.Bad, a.Bad))
	})
	incident.BadProbes = figures
	incident.Probe = worst.probe
	worst.condition.describe(incident, now)
}

// count returns the runs of a member at now.
func (p *part) count(incident Incident, now time.Time) ProbeCount {
	p.condition.describe(&incident, now)
	return ProbeCount{Probe: p.probe, Runs: incident.Runs, Bad: incident.Bad, LastBad: p.lastBad}
}

// inherit copies the whole and the probes that are still in the group. Every member is evaluated again, because thresholds may have
// changed.
func (c *groupCondition) inherit(old condition) bool {
	before, ok := old.(*groupCondition)
	if !ok || !c.whole.inherit(&before.whole) {
		return false
	}
	for _, m := range c.members {
		if was := before.byProbe[m.probe]; was != nil && m.inherit(was) {
			if _, bad := before.bad[was]; bad {
				c.bad[m] = struct{}{}
			}
		}
	}
	c.stale = true
	return true
}

// inherit copies the counts of the part's condition.
func (p *part) inherit(old *part) bool {
	if !p.condition.inherit(old.condition) {
		return false
	}
	p.crossed, p.lastBad, p.badAt = old.crossed, old.lastBad, old.badAt
	return true
}

// restart evaluates every member again, because the clock may have been set back to now.
func (c *groupCondition) restart(now time.Time) {
	c.stale = true
	for m := range c.bad {
		if m.badAt.After(now) {
			m.badAt = now
		}
	}
}

// lookback returns what the whole and the named probe need. Without such a probe in the group, it returns what the whole needs.
func (c *groupCondition) lookback(rule *Rule, name string) (window time.Duration, last int) {
	for _, p := range []*part{&c.whole, c.byProbe[name]} {
		if p == nil {
			continue
		}
		if r, ok := p.condition.(recaller); ok {
			w, n := r.lookback(rule, name)
			window, last = max(window, w), max(last, n)
		}
	}
	return window, last
}

// severity returns the highest severity of the crossed parts; the rule's own when none is crossed.
func (c *groupCondition) severity(rule *Rule) Severity {
	worst := c.whole.grade
	for _, grade := range []Severity{Info, Warning, Critical} {
		if c.grades[rank(grade)] > 0 {
			worst = moreUrgent(worst, grade)
		}
	}
	return cmp.Or(worst, rule.Severity)
}

// contains reports whether a probe is in the group.
func (c *groupCondition) contains(name string) bool { return c.byProbe[name] != nil }

// crossesWithout reports whether a probe that is not explained is crossed, or the whole is crossed without the explained probes.
func (c *groupCondition) crossesWithout(rule *Rule, explained func(probe string) bool, now time.Time) bool {
	whole := Incident{Threshold: rule.Threshold}
	c.whole.condition.describe(&whole, now)
	rest := whole.Bad
	for _, m := range c.ordered() {
		switch {
		case explained(m.probe):
			rest -= m.count(Incident{Threshold: rule.Threshold}, now).Bad
		case m.level == levelCrossed:
			return true
		}
	}
	if c.whole.level != levelCrossed {
		return false
	}
	return crossesWith(rest, &whole, rule)
}

// badSpan returns the bad runs of the first crossed probe, if its condition knows them and the whole is not crossed.
func (c *groupCondition) badSpan() (BadSpan, bool) {
	if c.whole.level == levelCrossed {
		return BadSpan{}, false
	}
	for _, m := range c.ordered() {
		if m.level == levelCrossed {
			reporter, ok := m.condition.(spanReporter)
			if !ok {
				return BadSpan{}, false
			}
			return reporter.badSpan()
		}
	}
	return BadSpan{}, false
}

// describeProbe fills in the figures of one probe.
func (c *groupCondition) describeProbe(name string, incident *Incident, now time.Time) {
	if m := c.byProbe[name]; m != nil {
		m.condition.describe(incident, now)
	}
}
