package prometheus

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
)

// absentFor is how long the metric may be absent before an alert fires; a restart takes less.
const absentFor = 5 * time.Minute

// access translates the built-in rule of probes that guard access.
func (t *translation) access() {
	var guards []probe.Probe
	for i := range t.Probes {
		if t.Probes[i].Guards == probe.GuardAccess {
			guards = append(guards, t.Probes[i])
		}
	}
	r := &alert.Rule{Name: alert.AccessRule, Per: alert.PerProbe}
	notes := []string{
		"Built-in rule access. It ends with the next expected run; in squarewatch, with any run that is denied access.",
		"A 2xx answer that breaks off, or is too large or too slow, is a breach in squarewatch only.",
	}
	for _, set := range alertsOf(r, guards) {
		a := &alarm{
			rule: r, labels: set.labels, severity: alert.Critical, notes: notes,
			summary: "security: access was granted that must be refused",
		}
		notes = nil
		var parts []string
		for window, probes := range byLength(only(guards, set.probes)) {
			t.windows = append(t.windows, window)
			parts = append(parts, fmt.Sprintf("sum without (%s) (%s{%s, class=%q, expected=\"false\"}) > 0",
				kindLabels, counted(window), oneOf("probe", probes), probe.Success.String()))
		}
		a.fires = "(\n  " + strings.Join(parts, "\n  or ") + "\n)\nand " + upMetric + " == 0"
		t.alarm(a)
	}
}

// noData translates the built-in rule for probes that finish no run: a counter that does not change for the longest time that the
// schedule allows. The counter must exist at the begin of that time, so that a start does not fire the rule.
func (t *translation) noData() {
	var scheduled []probe.Probe
	for i := range t.Probes {
		if !t.Probes[i].Schedule.IsZero() {
			scheduled = append(scheduled, t.Probes[i])
		}
	}
	r := &alert.Rule{Name: alert.NoDataRule, Per: alert.PerProbe}
	notes := []string{"Built-in rule no-data. It waits for the longest time that three intervals of the schedule can take."}
	for _, set := range alertsOf(r, scheduled) {
		var parts []string
		for window, probes := range byLength(only(scheduled, set.probes)) {
			all := fmt.Sprintf("%s{%s}", runsMetric, oneOf("probe", probes))
			parts = append(parts, fmt.Sprintf("sum without (%s) (%s)\n  == sum without (%[1]s) (%[2]s offset %s)", kindLabels, all, length(window)))
		}
		t.alarm(&alarm{
			rule: r, labels: set.labels, severity: alert.Critical, notes: notes,
			fires: strings.Join(parts, "\nor "), summary: "no run has finished for three of its intervals",
		})
		notes = nil
	}
	t.alarm(&alarm{
		rule:     &alert.Rule{Name: alert.NoDataRule, Per: alert.PerAll, For: absentFor},
		severity: alert.Critical, fires: "absent(" + runsMetric + ")", summary: "Prometheus has no runs from any host",
		notes: []string{"A squarewatch that does not run cannot alert. Watch each host with an alert on up, as for any other job."},
	})
}

// only returns the probes of these names.
func only(probes []probe.Probe, names []string) []probe.Probe {
	return slices.DeleteFunc(slices.Clone(probes), func(p probe.Probe) bool { return !slices.Contains(names, p.Name) })
}

// byLength groups probes by how long they may finish no run, shortest first.
func byLength(probes []probe.Probe) func(yield func(time.Duration, []string) bool) {
	names := map[time.Duration][]string{}
	for i := range probes {
		window := alert.LongestSilence(&probes[i]).Round(time.Second)
		names[window] = append(names[window], probes[i].Name)
	}
	return func(yield func(time.Duration, []string) bool) {
		for _, window := range slices.Sorted(maps.Keys(names)) {
			if !yield(window, names[window]) {
				return
			}
		}
	}
}
