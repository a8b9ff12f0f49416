package prometheus

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/otlptranslator"

	"squarewatch/alert"
	"squarewatch/probe"
)

// alertRule is an alerting rule to be written.
type alertRule struct {
	rule      *alert.Rule
	labels    map[string]string // of the probes
	severity  alert.Severity
	begins    string // expression that starts the alert
	continues string // expression that keeps it firing; empty where it ends as soon as begins is false
	reports   string // expression for the hosts that report the series; for rules with locations
	selector  string // selects the series of the alert; empty for all
	summary   string // what is wrong, for people
	notes     []string
}

// addAlert adds an alerting rule. If the expression that starts the alert differs from the one that keeps it firing, the rule reads from
// ALERTS which alerts fire already.
func (t *translation) addAlert(a *alertRule) {
	labels := t.labelsOf(a)
	if a.rule.Locations.Several() {
		t.addAlertOfLocations(a, labels)
		return
	}
	expr := a.begins
	if a.continues != "" {
		added := slices.DeleteFunc(slices.Sorted(maps.Keys(labels)), func(name string) bool {
			return name == "credential" || name == "probe"
		})
		ignored := strings.Join(append([]string{"alertname", "alertstate"}, added...), ", ")
		expr = fmt.Sprintf("(\n  %s\n) or (\n  (\n    %s\n  )\n  and ignoring (%s)\n"+
			"  ALERTS{alertname=%q, alertstate=\"firing\", severity=%q}\n)",
			indented(a.begins), indented(indented(a.continues)), ignored, a.rule.Name, a.severity)
	}
	t.add(a, rule{Notes: a.notes, Expr: expr, Labels: labels, Annotations: map[string]string{
		"summary": a.rule.Name + " " + labels["series"] + ": " + a.summary,
	}})
}

// add adds an alerting rule with what all have in common.
func (t *translation) add(a *alertRule, r rule) {
	r.Alert = a.rule.Name
	if a.rule.Runbook != "" {
		r.Annotations["runbook_url"] = literal(a.rule.Runbook)
	}
	if a.rule.For > 0 {
		r.For = length(a.rule.For)
	}
	t.rules = append(t.rules, r)
}

// labelsOf returns the labels of an alert. They are the same as those that the notifier sends to Alertmanager. Our own labels win over
// labels of the probe.
func (t *translation) labelsOf(a *alertRule) map[string]string {
	labels := maps.Clone(a.labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels["severity"], labels["per"], labels["target"] = string(a.severity), string(a.rule.Per), literal(t.Target)
	switch a.rule.Per {
	case alert.PerProbe:
		labels["series"] = "{{ $labels.probe }}"
	case alert.PerCredential:
		labels["series"] = "{{ $labels.credential }}"
	case alert.PerAll:
		labels["series"] = string(alert.PerAll)
	}
	return labels
}

// literal escapes text so that Prometheus expands no template in it.
func literal(text string) string { return strings.ReplaceAll(text, "{{", `{{ "{{" }}`) }

// labelSet is a set of probes whose alerts have the same labels.
type labelSet struct {
	probes   []string
	labels   map[string]string
	selector string // selects the probes; empty when it is the only set
}

// alertsOf groups the probes of a rule by their labels, because all alerts of one Prometheus rule have the same labels.
func alertsOf(r *alert.Rule, probes []probe.Probe) []labelSet {
	if r.Per != alert.PerProbe {
		return []labelSet{{}}
	}
	var sets []labelSet
	for i := range probes {
		labels := validLabels(probes[i].Labels)
		k := slices.IndexFunc(sets, func(s labelSet) bool { return maps.Equal(s.labels, labels) })
		if k < 0 {
			k = len(sets)
			sets = append(sets, labelSet{labels: labels})
		}
		sets[k].probes = append(sets[k].probes, probes[i].Name)
	}
	if len(sets) > 1 {
		for k := range sets {
			sets[k].selector = "{" + oneOf("probe", sets[k].probes) + "}"
		}
	}
	return sets
}

// validLabels returns the labels of a probe under names that Prometheus accepts, without the names by which alerts and scraped hosts are
// distinguished.
func validLabels(labels map[string]string) map[string]string {
	namer := otlptranslator.LabelNamer{}
	reserved := []string{model.AlertNameLabel, "alertstate", "probe", "credential", model.JobLabel, model.InstanceLabel, locationLabel}
	set := map[string]string{}
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		name, err := namer.Build(label)
		valid := err == nil && model.LegacyValidation.IsValidLabelName(name) && !strings.HasPrefix(name, model.ReservedLabelPrefix)
		if valid && !slices.Contains(reserved, name) && set[name] == "" && labels[label] != "" {
			set[name] = literal(labels[label])
		}
	}
	return set
}

// probeNames returns the names of probes.
func probeNames(probes []probe.Probe) []string {
	names := make([]string, 0, len(probes))
	for i := range probes {
		names = append(names, probes[i].Name)
	}
	return names
}
