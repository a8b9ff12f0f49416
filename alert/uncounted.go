package alert

import (
	"slices"

	"squarewatch/probe"
)

// Uncounted are outcomes that no rule counts: they are recorded, and no rate of them raises an alert.
type Uncounted struct {
	Outcomes []string // selectors
	Probes   []string // names of the probes that may have them
}

// NotCounted returns what no rule counts of the outcomes that a selector picks, grouped by probes. Outcomes that a probe expects are
// not among them, and a range is given whole where no rule counts any of it.
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
		groups[i].Outcomes = whole(groups[i].Outcomes)
	}
	return groups
}

// serverErrors are the codes of a 5xx that a broken service answers with.
func serverErrors() []string { return []string{"500", "502", "503", "504"} }

// examplesOf returns codes and classes that stand for what a selector picks.
func examplesOf(selector string) []string {
	if selector == "5xx" {
		return serverErrors()
	}
	return []string{selector}
}

// whole writes the server errors as one range where all of them are there.
func whole(outcomes []string) []string {
	i := slices.Index(outcomes, serverErrors()[0])
	if end := i + len(serverErrors()); i >= 0 && end <= len(outcomes) && slices.Equal(outcomes[i:end], serverErrors()) {
		return slices.Replace(outcomes, i, end, "5xx")
	}
	return outcomes
}

// notCounted returns the probes of which no rule counts an outcome.
func notCounted(rules []Rule, probes []probe.Probe, text string) []string {
	outcome := outcomeOf(text)
	var names []string
	for i := range probes {
		p := &probes[i]
		counted := slices.ContainsFunc(rules, func(r Rule) bool { return r.Watches(p.Name) && probe.MatchAny(r.On, outcome) })
		if !counted && !probe.MatchAny(p.Expect.Status, outcome) {
			names = append(names, p.Name)
		}
	}
	return names
}

// outcomeOf returns an outcome that a code or a class picks.
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
