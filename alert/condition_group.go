package alert

import (
	"cmp"
	"slices"
	"time"

	"squarewatch/probe"
)

// groupCondition is for rules that count several probes together. It evaluates the whole and each probe by itself, because
// one probe that always fails is lost among the good runs of the others: one endpoint of ten that answers 401 is 10 %.
// It is over when the whole or any probe is over.
type groupCondition struct {
	whole   part
	members []*part // in the order of the configuration
	byProbe map[string]*part
	due     timers[*part]         // members that passing time may change
	levels  [levelCrossed + 1]int // how many members have each verdict
	grades  [3]int                // how many members that are over have each severity, by rank
	stale   bool                  // every member must be evaluated again, not only those that are due
	bad     map[*part]struct{}    // members with a bad run that may still count
}

// part is the whole or one probe of a group.
type part struct {
	deadline

	probe     string // empty for the whole
	isRare    bool   // the probe runs too seldom for a rate
	condition condition
	level     level
	grade     Severity  // how urgent it is; empty while it is not over
	crossed   bool      // it was over, and has not been under since
	lastBad   bool      // the rule counts its last run as bad
	badAt     time.Time // when its last bad run ended
}

func newGroupCondition(rule *Rule, probes []*probe.Probe) *groupCondition {
	c := &groupCondition{
		whole:   part{condition: newShareCondition(rule, false)},
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

// judge returns the worst verdict of the whole and the members. It evaluates only members that are due, so that a sample
// costs the same for any number of them.
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

// evaluate brings a member up to now.
func (c *groupCondition) evaluateMember(m *part, rule *Rule, now time.Time) {
	c.tally(m, -1)
	m.evaluate(rule, now)
	c.tally(m, 1)
	if m.level <= levelClear && !m.lastBad && m.due.IsZero() {
		delete(c.bad, m)
	}
	c.due.arm(m)
}

// tally adds a member to the counts by verdict and severity, or takes it away.
func (c *groupCondition) tally(m *part, n int) {
	c.levels[m.level] += n
	if m.grade != "" {
		c.grades[rank(m.grade)] += n
	}
}

// evaluate asks the part's condition. A part that was over and now has too few runs is not good yet. A rare probe counts
// only when its streak is long enough: its one bad run may be days old.
func (p *part) evaluate(rule *Rule, now time.Time) {
	v, next := p.condition.evaluate(rule, now)
	switch {
	case v == levelCrossed:
		p.crossed = true
	case v == levelClear:
		p.crossed = false
	case v == levelUnknown && p.crossed:
		v = levelBetween
	case v == levelBetween && p.isRare && !p.crossed:
		v = levelClear
	}
	if !next.After(now) {
		next = time.Time{} // a part that is due at once would be evaluated without end
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

// describe tells the figures of the part that is worst: the whole where that is over or no probe is, else the probe that is.
func (c *groupCondition) describe(incident *Incident, now time.Time) {
	worst := &c.whole
	var figures []ProbeCount
	for _, m := range c.ordered() {
		count := m.count(*incident, now)
		if count.Bad > 0 || m.lastBad {
			figures = append(figures, count)
		}
		if worst.level < levelCrossed && (m.level == levelCrossed || m.lastBad && worst == &c.whole && m.level > worst.level) {
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

// count returns the runs of a member as they are at now.
func (p *part) count(incident Incident, now time.Time) ProbeCount {
	p.condition.describe(&incident, now)
	return ProbeCount{Probe: p.probe, Runs: incident.Runs, Bad: incident.Bad, LastBad: p.lastBad}
}

// inherit takes over the whole and the probes that are still there. Members are evaluated again, as thresholds may be others.
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

func (p *part) inherit(old *part) bool {
	if !p.condition.inherit(old.condition) {
		return false
	}
	p.crossed, p.lastBad, p.badAt = old.crossed, old.lastBad, old.badAt
	return true
}

// restart evaluates every member again: the clock may have been set back to now.
func (c *groupCondition) restart(now time.Time) {
	c.stale = true
	for m := range c.bad {
		if m.badAt.After(now) {
			m.badAt = now
		}
	}
}

func (c *groupCondition) remembers(rule *Rule, name string) (window time.Duration, last int) {
	for _, p := range []*part{&c.whole, c.byProbe[name]} {
		if r, ok := p.condition.(rememberer); ok {
			w, n := r.remembers(rule, name)
			window, last = max(window, w), max(last, n)
		}
	}
	return window, last
}

// severity is the most urgent of the parts that are over; the rule's own where none is.
func (c *groupCondition) severity(rule *Rule) Severity {
	worst := c.whole.grade
	for _, grade := range []Severity{Info, Warning, Critical} {
		if c.grades[rank(grade)] > 0 {
			worst = moreUrgent(worst, grade)
		}
	}
	return cmp.Or(worst, rule.Severity)
}

func (c *groupCondition) has(name string) bool { return c.byProbe[name] != nil }

// badProbes returns the probes of which a bad run counts, in the order of the configuration.
func (c *groupCondition) badProbes() []string {
	var names []string
	for _, m := range c.ordered() {
		names = append(names, m.probe)
	}
	return names
}

// describeProbe fills in the figures of one probe.
func (c *groupCondition) describeProbe(name string, incident *Incident, now time.Time) {
	if m := c.byProbe[name]; m != nil {
		m.condition.describe(incident, now)
	}
}
