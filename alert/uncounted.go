package alert

import (
	"slices"

	"squarewatch/probe"
)

// Uncounted are outcomes that no rule counts: they are recorded but raise no alert.
type Uncounted struct {
	Outcomes []string // selectors
	Probes   []string // names of the probes that can have them
}

// NotCounted returns which of the selected outcomes no rule counts, grouped by probes. Outcomes that a probe expects are left out. 5xx
// and transport are returned as a whole if no rule counts any part of them.
func NotCounted(rules []Rule, probes []probe.Probe, outcomes ...string) []Uncounted {
	var groups []Uncounted
	for _, text := range outcomes {
		for _, outcome := range examplesOf(text) {
			names := notCounted(rules, probes, outcome)
			if len(names) == 0 {
				continue
			}
			i := slices.IndexFunc(groups, func(g Uncounted) bool { return slices.Equal(g.Probes, names) })
			if i < 0 {
				i = len(groups)
				groups = append(groups, Uncounted{Probes: names})
			}
			groups[i].Outcomes = append(groups[i].Outcomes, outcome)
		}
	}
	for i := range groups {
		groups[i].Outcomes = joinParts(groups[i].Outcomes)
	}
	return groups
}

// outcomeParts returns the selectors that are checked and written in parts: the codes of a broken service, and the classes of runs without
// an answer.
func outcomeParts() map[string][]string {
	var transport []string
	for _, class := range probe.Classes() {
		if class.IsTransport() {
			transport = append(transport, class.String())
		}
	}
	return map[string][]string{"5xx": {"500", "502", "503", "504"}, "transport": transport}
}

// examplesOf returns codes and classes that represent a selector.
func examplesOf(selector string) []string {
	if parts, ok := outcomeParts()[selector]; ok {
		return parts
	}
	return []string{selector}
}

// joinParts replaces the parts of a set by its name, if all of them are there.
func joinParts(outcomes []string) []string {
	for name, parts := range outcomeParts() {
		i := slices.Index(outcomes, parts[0])
		if end := i + len(parts); i >= 0 && end <= len(outcomes) && slices.Equal(outcomes[i:end], parts) {
			outcomes = slices.Replace(outcomes, i, end, name)
		}
	}
	return outcomes
}

// notCounted returns the probes for which no rule counts an outcome.
func notCounted(rules []Rule, probes []probe.Probe, text string) []string {
	outcome := outcomeOf(text)
	var names []string
	for i := range probes {
		p := &probes[i]
		counted := slices.ContainsFunc(rules, func(r Rule) bool { return r.Watches(p.Name) && probe.MatchAny(r.On, outcome) })
		if !counted && !healthy(p, outcome) {
			names = append(names, p.Name)
		}
	}
	return names
}

// healthy reports whether a probe expects an outcome, or the rule [AccessRule] handles it. The outcome 2xx stands for an answer that is not
// as the probe expects.
func healthy(p *probe.Probe, outcome probe.Outcome) bool {
	if outcome.Class == probe.Success {
		return p.Guards != ""
	}
	return probe.MatchAny(p.Expect.Status, outcome)
}

// outcomeOf returns an outcome that a code or a class selects.
func outcomeOf(text string) probe.Outcome {
	selector := probe.MustSelector(text)
	for code := 200; code < 600; code++ {
		if o := (probe.Outcome{Class: probe.ClassOfStatus(code), Code: code}); selector.Match(o) {
			return o
		}
	}
	for _, class := range probe.Classes() {
		if o := (probe.Outcome{Class: class}); selector.Match(o) {
			return o
		}
	}
	return probe.Outcome{}
}
