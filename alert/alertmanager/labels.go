package alertmanager

import (
	"maps"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/otlptranslator"

	"squarewatch/alert"
)

// ownLabels are the names that an incident sets.
func ownLabels() []string {
	return []string{model.AlertNameLabel, "severity", "series", "per", "probe", "credential", "target"}
}

const (
	cutLabelName = 100
	cutLabel     = 300
)

// labels identify the alert. They are the same on every host, and do not depend on when its incident began. When names are equal,
// squarewatch's own labels win over the probe's, and the probe's over the notifier's, as with external labels in Prometheus.
func labels(i *alert.Incident, extra map[string]string, target string) model.LabelSet {
	set := model.LabelSet{}
	add := func(name, value string) {
		if text := clean(value, cutLabel); text != "" && set[model.LabelName(name)] == "" { // an empty label is equal to a missing one
			set[model.LabelName(name)] = model.LabelValue(text)
		}
	}
	add(model.AlertNameLabel, i.Rule)
	add("severity", string(i.Severity))
	add("series", i.Series)
	add("per", string(i.Per))
	add("target", target)
	switch i.Per {
	case alert.PerProbe:
		add("probe", i.Series)
	case alert.PerCredential:
		add("credential", i.Series)
	case alert.PerAll:
	}
	for _, name := range slices.Sorted(maps.Keys(i.Labels)) {
		if legal, ok := labelName(name); ok {
			add(legal, i.Labels[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		add(name, extra[name])
	}
	return set
}

// labelName makes a name that every Alertmanager accepts; false when the text has no character that is allowed.
func labelName(text string) (string, bool) {
	namer := otlptranslator.LabelNamer{}
	name, err := namer.Build(cut(text, cutLabelName))
	return name, err == nil && model.LegacyValidation.IsValidLabelName(name)
}
