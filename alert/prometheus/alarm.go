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

// alarm is an alerting rule before it is written.
type alarm struct {
	rule     *alert.Rule
	labels   map[string]string // of the probes
	severity alert.Severity
	fires    string // expression that starts it
	stays    string // expression that keeps it firing; empty when it ends as soon as fires is false
	summary  string // what is wrong, for people
	notes    []string
}

// alarm writes an alert. When different expressions start and end it, ALERTS shows whether it fires already.
func (t *translation) alarm(a *alarm) {
	labels := t.labelsOf(a)
	expr := a.fires
	if a.stays != "" {
		added := slices.DeleteFunc(slices.Sorted(maps.Keys(labels)), func(name string) bool { return name == "credential" || name == "probe" })
		expr = fmt.Sprintf("(\n  %s\n) or (\n  (\n    %s\n  )\n  and ignoring (%s)\n"+
			"  ALERTS{alertname=%q, alertstate=\"firing\", severity=%q}\n)",
			indented(a.fires), indented(indented(a.stays)), strings.Join(append([]string{"alertname", "alertstate"}, added...), ", "),
			a.rule.Name, a.severity)
	}
	r := rule{Notes: a.notes, Alert: a.rule.Name, Expr: expr, Labels: labels, Annotations: map[string]string{
		"summary": a.rule.Name + " " + labels["series"] + ": " + a.summary,
	}}
	if a.rule.Runbook != "" {
		r.Annotations["runbook_url"] = literal(a.rule.Runbook)
	}
	if a.rule.For > 0 {
		r.For = length(a.rule.For)
	}
	t.rules = append(t.rules, r)
}

// labelsOf returns the labels of package alertmanager. For equal names, squarewatch's own labels come first.
func (t *translation) labelsOf(a *alarm) map[string]string {
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

// literal escapes text so that Prometheus finds no template in it.
func literal(text string) string { return strings.ReplaceAll(text, "{{", `{{ "{{" }}`) }

// labelled are probes whose alerts have the same labels.
type labelled struct {
	probes []string
	labels map[string]string
	where  string // selector of the probes; empty when there are no others
}

// alertsOf groups the probes of a rule by their labels, since all alerts of one Prometheus rule have the same labels.
func alertsOf(r *alert.Rule, probes []probe.Probe) []labelled {
	if r.Per != alert.PerProbe {
		return []labelled{{}}
	}
	var sets []labelled
	for i := range probes {
		labels := legal(probes[i].Labels)
		k := slices.IndexFunc(sets, func(s labelled) bool { return maps.Equal(s.labels, labels) })
		if k < 0 {
			k = len(sets)
			sets = append(sets, labelled{labels: labels})
		}
		sets[k].probes = append(sets[k].probes, probes[i].Name)
	}
	if len(sets) > 1 {
		for k := range sets {
			sets[k].where = "{" + oneOf("probe", sets[k].probes) + "}"
		}
	}
	return sets
}

// legal returns the labels of a probe with names that Prometheus accepts, without those that identify alerts and scraped hosts.
func legal(labels map[string]string) map[string]string {
	namer := otlptranslator.LabelNamer{}
	set := map[string]string{}
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		name, err := namer.Build(label)
		reserved := []string{model.AlertNameLabel, "alertstate", "probe", "credential", model.JobLabel, model.InstanceLabel}
		taken := slices.Contains(reserved, name) || set[name] != ""
		valid := err == nil && model.LegacyValidation.IsValidLabelName(name) && !strings.HasPrefix(name, model.ReservedLabelPrefix)
		if valid && !taken && labels[label] != "" {
			set[name] = literal(labels[label])
		}
	}
	return set
}

func probeNames(probes []probe.Probe) []string {
	names := make([]string, 0, len(probes))
	for i := range probes {
		names = append(names, probes[i].Name)
	}
	return names
}
