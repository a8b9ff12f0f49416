package prometheus

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
)

// translation collects the rules of a rule file while it is written.
type translation struct {
	Options

	rules   []rule
	windows []time.Duration // windows whose runs must be counted
	leftOut []string        // notes of rules that have no translation
}

// counts returns the recording rules that count runs; all other rules read them.
func (t *translation) counts() []rule {
	var rules []rule
	for i, window := range slices.Compact(slices.Sorted(slices.Values(t.windows))) {
		r := rule{Record: counted(window), Expr: count(window)}
		if i == 0 {
			r.Notes = []string{
				"The exact number of runs in a window: a difference, where possible. A new series of a known probe is counted from its first",
				"run, which increase would miss.",
			}
		}
		rules = append(rules, r)
	}
	return rules
}

// shortest returns the shortest window.
func (t *translation) shortest() time.Duration {
	if len(t.windows) == 0 {
		return 0
	}
	return slices.Min(t.windows)
}

// rule translates a rule of the configuration file.
func (t *translation) rule(r *alert.Rule) {
	var probes []probe.Probe
	var rare []string
	for i := range t.Probes {
		p := &t.Probes[i]
		switch {
		case !r.Watches(p.Name):
		case r.Rarely(p):
			rare = append(rare, p.Name)
			if r.Objective > 0 || r.Per != alert.PerProbe {
				probes = append(probes, *p)
			}
		default:
			probes = append(probes, *p)
		}
	}
	notes := []string{"Rule " + r.Name + "."}
	if len(rare) > 0 {
		notes = append(notes, fmt.Sprintf(
			"Not translated: the streak of %s. They run too rarely for a rate; in squarewatch, %d bad runs in a row fire.",
			strings.Join(rare, ", "), r.Streak))
	}
	if len(probes) == 0 {
		t.leftOut = append(t.leftOut, notes...)
		return
	}
	if r.Objective > 0 {
		t.objective(r, probes, notes)
		return
	}
	t.rate(r, probes, notes)
}

// record records the number of runs and the rate of a rule in a window. For a rule that counts several probes together it also records
// those of each probe.
func (t *translation) record(r *alert.Rule, probes []probe.Probe, window time.Duration, notes []string) {
	t.windows = append(t.windows, window)
	series := seriesOf(r, probes)
	t.recordSeries(figures{rule: r}, series, window, notes)
	if r.Per == alert.PerProbe {
		return
	}
	// A rare probe is recorded too. It has too few runs to start an alert by its rate, but a firing alert ends only after the probe's good
	// run.
	for i := range series {
		series[i].without = kindLabels
	}
	t.recordSeries(figures{rule: r, perProbe: true}, series, window,
		[]string{"The same of each probe, so that one failing probe fires by itself."})
}

// recordSeries records the number of runs and the rate of series in a window. The notes stand before the first rule.
func (t *translation) recordSeries(f figures, series []seriesCount, window time.Duration, notes []string) {
	var numbers, rates []rule
	for _, s := range series {
		own, ignoring := f, ""
		if s.credential != "" {
			own.selector = fmt.Sprintf("{credential=%q}", s.credential)
			ignoring = " ignoring (credential)"
		}
		numbers = append(numbers, rule{
			Record: f.runs(window), Labels: s.labels(),
			Expr: fmt.Sprintf("sum without (%s) (\n  %s{%s}\n)", s.without, counted(window), oneOf("probe", s.probes)),
		})
		rates = append(rates, rule{
			Record: f.rate(window), Labels: s.labels(),
			Expr: fmt.Sprintf("(\n  sum without (%s) (\n    %s\n  )\n  or%s %s * 0\n)\n/%[3]s clamp_min(%[4]s, 1)",
				s.without, indented(indented(badRuns(f.rule, counted(window), s.probes))), ignoring, own.runs(window)),
		})
	}
	numbers[0].Notes = notes
	t.rules = slices.Concat(t.rules, numbers, rates)
}

// seriesCount is one or more series of a rule, with the probes whose runs are counted together.
type seriesCount struct {
	probes     []string
	without    string // labels that are summed
	credential string // of the series; empty if it is not of a credential
}

// labels returns the labels of the recorded series.
func (c *seriesCount) labels() map[string]string {
	if c.credential == "" {
		return nil
	}
	return map[string]string{"credential": c.credential}
}

// seriesOf returns what a rule counts together. Series of single probes need only one recording rule, since the counter has a label for
// the probe.
func seriesOf(r *alert.Rule, probes []probe.Probe) []seriesCount {
	if r.Per == alert.PerProbe {
		return []seriesCount{{probes: probeNames(probes), without: kindLabels}}
	}
	var all []seriesCount
	at := map[string]int{}
	for i := range probes {
		name := r.SeriesOf(&probes[i])
		k, known := at[name]
		if !known {
			k = len(all)
			at[name] = k
			all = append(all, seriesCount{without: kindLabels + ", probe"})
			if r.Per == alert.PerCredential {
				all[k].credential = name
			}
		}
		all[k].probes = append(all[k].probes, probes[i].Name)
	}
	return all
}

// rate translates a rule that compares a rate.
func (t *translation) rate(r *alert.Rule, probes []probe.Probe, notes []string) {
	t.record(r, probes, r.Window, notes)
	if z := r.Deviations(); z > 0 {
		for _, f := range (figures{rule: r}).parts() {
			low, high := bounds(f.rate(r.Window), f.runs(r.Window), z)
			t.rules = append(t.rules,
				rule{Notes: []string{fmt.Sprintf("The bounds of the true rate at %v confidence.", r.Confidence)}, Record: f.low(), Expr: low},
				rule{Record: f.high(), Expr: high})
		}
	}
	for _, set := range alertsOf(r, probes) {
		f := figures{rule: r, selector: set.selector}
		a := alertRule{
			rule: r, labels: set.labels, severity: r.Severity, begins: f.orEach(figures.crossed),
			continues: f.orEach(figures.notClear), reports: f.runs(r.Window), selector: set.selector,
			summary: fmt.Sprintf("{{ $value | humanizePercentage }} of the runs in %s failed (threshold %v)", length(r.Window), r.Threshold),
		}
		a.continues += fmt.Sprintf("\nor %s and round(%s) < %d", f.rate(r.Window), f.runs(r.Window), r.MinRuns)
		if r.Per != alert.PerProbe {
			a.summary = fmt.Sprintf("{{ $value | humanizePercentage }} of the runs in %s failed, of all probes or of one (threshold %v)",
				length(r.Window), r.Threshold)
			a.continues += "\nor " + f.lastBad(r.Window, probeNames(probes))
		}
		t.addAlert(&a)
	}
}

// objective translates a rule with an objective.
func (t *translation) objective(r *alert.Rule, probes []probe.Probe, notes []string) {
	seen := map[time.Duration]bool{}
	for _, p := range r.BurnRates() {
		for _, window := range []time.Duration{p.Long, p.Short} {
			if !seen[window] {
				t.record(r, probes, window, notes)
				notes, seen[window] = nil, true
			}
		}
	}
	for _, set := range alertsOf(r, probes) {
		f := figures{rule: r, selector: set.selector}
		for i, a := range burns(f, set.labels) {
			a.reports, a.selector = f.runs(r.BurnRates()[0].Long), set.selector
			if r.Per != alert.PerProbe {
				a.continues += "\nor " + f.lastBad(r.BurnRates()[0].Long, probeNames(probes))
			}
			if i > 0 {
				a.notes = []string{
					"In squarewatch this and the previous alert are one incident, which gets worse: inhibit this alert while the previous one fires.",
				}
			}
			t.addAlert(a)
		}
	}
}

// burns returns the alerts of an objective. Pairs of windows with the same severity become one alert.
func burns(f figures, labels map[string]string) []*alertRule {
	var list []*alertRule
	pairs := f.rule.BurnRates()
	for _, p := range pairs {
		last := len(list) - 1
		if last < 0 || list[last].severity != p.Severity {
			list, last = append(list, &alertRule{rule: f.rule, labels: labels, severity: p.Severity}), last+1
		}
		list[last].burn(f, p)
	}
	longest := pairs[len(pairs)-1].Long
	for _, a := range list {
		a.continues += fmt.Sprintf("\nor %s and round(%s) < %d", f.rate(longest), f.runs(longest), f.rule.MinRuns)
		a.summary = fmt.Sprintf("{{ $value | humanizePercentage }} of the runs failed, which spends the error budget of %v in %s too fast",
			f.rule.Objective, length(f.rule.Period))
	}
	return list
}

// burn adds a pair of windows to the expressions of an alert.
func (a *alertRule) burn(f figures, p alert.BurnRate) {
	words := func(f figures) *strings.Replacer {
		return strings.NewReplacer(
			"LONG", f.rate(p.Long), "SHORT", f.rate(p.Short), "RATE", share(p.Rate), "HALF", share(p.Rate/2),
			"ALL", f.runs(p.Long), "NOW", f.runs(p.Short), "MIN", strconv.Itoa(f.rule.MinRuns), "EVIDENCE", strconv.Itoa(alert.BurnEvidence))
	}
	if a.begins != "" {
		a.begins, a.continues = a.begins+"\nor ", a.continues+"\nor "
	}
	a.begins += f.orEach(func(f figures) string {
		return words(f).Replace("LONG >= RATE and SHORT >= RATE and round(ALL * LONG) >= EVIDENCE and round(ALL) >= MIN")
	})
	a.continues += f.orEach(func(f figures) string {
		return words(f).Replace("LONG >= RATE and SHORT >= HALF\nor LONG and round(ALL) >= MIN and round(NOW) == 0")
	})
}
