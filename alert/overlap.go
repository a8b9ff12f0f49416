package alert

import (
	"cmp"
	"slices"
	"time"

	"squarewatch/config/setting"
	"squarewatch/probe"
)

// overlaps returns a firing series of another rule that has told of the same runs; nil where there is none, or not for every probe
// that is bad in s. It must be as urgent as s and have told whoever s would tell.
func (e *Engine) overlaps(s *series, now time.Time) *series {
	if len(s.rule.On) == 0 {
		return nil // a built-in rule tells something of its own
	}
	var first *series
	for _, name := range s.probesBad() {
		i := slices.IndexFunc(e.byProbe[name], func(other *series) bool { return other.tells(s, name, now) })
		if i < 0 {
			return nil
		}
		if first == nil {
			first = e.byProbe[name][i]
		}
	}
	return first
}

// probesBad returns the probes of a series of which a bad run counts.
func (s *series) probesBad() []string {
	if c, ok := s.condition.(grouper); ok {
		return c.badProbes()
	}
	return []string{s.name}
}

// tells reports whether the incident of s is about the runs of a probe that other counts.
func (s *series) tells(other *series, name string, now time.Time) bool {
	if !s.speaksFor(other) || rank(s.severity) > rank(other.severityNow()) {
		return false
	}
	own, others := s.ofProbe(name, now), other.ofProbe(name, now)
	return own.Bad > 0 && !crosses(&others, other.rule, &own, s.rule) && (len(s.rule.On) == 0 || !crosses(&own, s.rule, &others, other.rule))
}

// ofProbe returns the figures of one probe of a series.
func (s *series) ofProbe(name string, now time.Time) Incident {
	figures := Incident{Threshold: s.rule.Threshold}
	if c, ok := s.condition.(grouper); ok {
		c.describeProbe(name, &figures, now)
	} else {
		s.condition.describe(&figures, now)
	}
	return figures
}

// crosses reports whether a probe's runs would cross a rule without those that another rule counts as bad too.
func crosses(own *Incident, rule *Rule, others *Incident, other *Rule) bool {
	alone := own.Bad
	for _, c := range own.Classes {
		shared := probe.MatchAny(other.On, probe.Outcome{Class: c.Class, Code: c.Code})
		if shared || len(other.On) == 0 && slices.ContainsFunc(others.Classes, func(o ClassCount) bool { return o.Class == c.Class && o.Code == c.Code }) {
			alone -= c.Runs
		}
	}
	if own.Condition != ConditionRate {
		return alone > 0
	}
	return alone > 0 && setting.Share(alone)/setting.Share(max(own.Runs, 1)) >= rule.Threshold
}

// bySpecificity orders series so that of several that cross with the same run the most specific is first: that of the rule with the
// fewest outcomes, then the one with the fewest runs, then the first in the configuration.
func (e *Engine) bySpecificity() {
	outcomes := make(map[*Rule]int, len(e.rules))
	for _, rule := range e.rules {
		outcomes[rule] = rule.outcomes()
	}
	sizes := map[Per]int{PerProbe: 0, PerCredential: 1, PerAll: 2}
	ordered := slices.Clone(e.all)
	slices.SortStableFunc(ordered, func(a, b *series) int {
		return cmp.Or(cmp.Compare(outcomes[a.rule], outcomes[b.rule]), cmp.Compare(sizes[a.rule.Per], sizes[b.rule.Per]))
	})
	for i, s := range ordered {
		s.order = i
	}
	for _, list := range e.byProbe {
		slices.SortFunc(list, func(a, b *series) int { return cmp.Compare(a.order, b.order) })
	}
}

// outcomes counts the unexpected outcomes that a rule counts as bad: every status code, and every class without one.
func (r *Rule) outcomes() int {
	n := 0
	for _, class := range probe.Classes() {
		if class.IsTransport() && probe.MatchAny(r.On, probe.Outcome{Class: class}) {
			n++
		}
	}
	for code := 100; code < 600; code++ {
		if probe.MatchAny(r.On, probe.Outcome{Class: probe.ClassOfStatus(code), Code: code}) {
			n++
		}
	}
	return n
}
