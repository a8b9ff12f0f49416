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

// absentFor is how long Prometheus must get no runs of any host before it alerts. It is longer than a restart takes.
const absentFor = 5 * time.Minute

// access translates the built-in rule access, for guarded probes.
func (t *translation) access() {
	var guards []probe.Probe
	for i := range t.Probes {
		if t.Probes[i].Guards == probe.GuardAccess {
			guards = append(guards, t.Probes[i])
		}
	}
	r := &alert.Rule{Name: alert.AccessRule, Per: alert.PerProbe}
	notes := []string{
		"Built-in rule access. It ends when no breach came for the longest time that five refusals can take. " +
			"In squarewatch it ends after five refusals and a minute.",
		"A 2xx that breaks off, or is too large or too slow, counts as a breach only in squarewatch.",
	}
	for _, set := range alertsOf(r, guards) {
		a := &alertRule{
			rule: r, labels: set.labels, severity: alert.Critical, notes: notes,
			summary: "Security: access was granted where the API must refuse",
		}
		notes = nil
		var parts []string
		for window, probes := range byWindow(only(guards, set.probes), alert.LongestBreach) {
			t.windows = append(t.windows, window)
			parts = append(parts, fmt.Sprintf("sum without (%s) (%s{%s, class=%q, expected=\"false\"}) > 0",
				kindLabels, counted(window), oneOf("probe", probes), probe.Success.String()))
		}
		a.begins = strings.Join(parts, "\nor ")
		t.addAlert(a)
	}
}

// noData translates the built-in rule no-data: the counter did not change for the longest time that three intervals and a run can take. The
// counter must have existed at the beginning of that time, so that a start of the daemon raises no alert.
func (t *translation) noData() {
	var scheduled []probe.Probe
	for i := range t.Probes {
		if !t.Probes[i].Schedule.IsZero() {
			scheduled = append(scheduled, t.Probes[i])
		}
	}
	r := &alert.Rule{Name: alert.NoDataRule, Per: alert.PerProbe}
	notes := []string{
		"Built-in rule no-data. Prometheus knows no schedules: the alert waits for the longest time that three intervals can take.",
	}
	for _, set := range alertsOf(r, scheduled) {
		var parts []string
		for window, probes := range byWindow(only(scheduled, set.probes), alert.LongestWithoutRun) {
			all := fmt.Sprintf("%s{%s}", runsMetric, oneOf("probe", probes))
			parts = append(parts, fmt.Sprintf("sum without (%s) (%s)\n  == sum without (%[1]s) (%[2]s offset %s)",
				kindLabels, all, length(window)))
		}
		t.addAlert(&alertRule{
			rule: r, labels: set.labels, severity: alert.Critical, notes: notes,
			begins: strings.Join(parts, "\nor "), summary: "no run has finished for three of its intervals",
		})
		notes = nil
	}
	t.addAlert(&alertRule{
		rule:     &alert.Rule{Name: alert.NoDataRule, Per: alert.PerAll, For: absentFor},
		severity: alert.Critical, begins: "absent(" + runsMetric + ")", summary: "Prometheus gets no runs of any host",
		notes: []string{
			"This reports that no squarewatch is running, which squarewatch cannot do itself.",
			"Also add an alert on the metric up for each host, as for any other job.",
		},
	})
}

// only returns the probes with these names.
func only(probes []probe.Probe, names []string) []probe.Probe {
	return slices.DeleteFunc(slices.Clone(probes), func(p probe.Probe) bool { return !slices.Contains(names, p.Name) })
}

// byWindow groups the names of probes by the window that windowOf returns for each. It yields the shortest window first.
func byWindow(probes []probe.Probe, windowOf func(*probe.Probe) time.Duration) func(yield func(time.Duration, []string) bool) {
	names := map[time.Duration][]string{}
	for i := range probes {
		window := windowOf(&probes[i]).Round(time.Second)
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
