package prometheus

import (
	"fmt"
	"strings"

	"squarewatch/alert"
)

// locationLabel is the label of the metrics of a host whose SQUAREWATCH_LOCATION is set. Package otel names it squarewatch.location.
const locationLabel = "squarewatch_location"

// hostLabels are the labels that distinguish hosts of one location.
const hostLabels = "instance, job"

// addAlertOfLocations adds the rules for an alert that must be over at several locations. A recording rule says at which hosts the alert
// would fire by itself. It reads what it recorded before to know whether a host is still over, as an alert of one host reads ALERTS. The
// alert counts the locations of these hosts. A location reports when Prometheus has the series from it, so a location that is gone is not
// asked for.
func (t *translation) addAlertOfLocations(a *alertRule, labels map[string]string) {
	over := prefix(a.rule) + "over_" + string(a.severity)
	expr := a.begins
	if a.continues != "" {
		expr = fmt.Sprintf("(\n  %s\n) or (\n  (\n    %s\n  )\n  and\n  %s\n)", indented(a.begins), indented(indented(a.continues)), over)
	}
	t.rules = append(t.rules, rule{
		Notes: append(a.notes, "The hosts at which "+a.rule.Name+" is over. Its value is their rate."), Record: over, Expr: expr,
	})
	count := func(series string) string {
		return fmt.Sprintf("count without (%s) (\n  max without (%s) (%s)\n)", locationLabel, hostLabels, series)
	}
	t.add(a, rule{
		Expr:   fmt.Sprintf("%s\n>= %s", count(over+a.selector), needed(a.rule.Locations, count(a.reports))),
		Labels: labels,
		Annotations: map[string]string{
			"summary":   fmt.Sprintf("%s %s: over at {{ $value }} locations", a.rule.Name, labels["series"]),
			"locations": ratesByLocation(over, a.rule.Per),
		},
	})
}

// needed returns the expression for the number of locations at which a series must be over, of so many that report.
func needed(locations alert.Locations, reporting string) string {
	switch locations {
	case alert.AllLocations:
		return reporting
	case alert.MajorityOfLocations:
		return fmt.Sprintf("floor(%s / 2) + 1", reporting)
	}
	return fmt.Sprintf("clamp_max(%s, %d)", reporting, locations)
}

// ratesByLocation returns a template that lists the locations that are over, each with its rate:
// https://prometheus.io/docs/prometheus/latest/configuration/template_reference/.
func ratesByLocation(over string, per alert.Per) string {
	query := fmt.Sprintf("%q", fmt.Sprintf("max without (%s) (%s)", hostLabels, over))
	if label := map[alert.Per]string{alert.PerProbe: "probe", alert.PerCredential: "credential"}[per]; label != "" {
		query = fmt.Sprintf("printf %q $labels.%s", fmt.Sprintf("max without (%s) (%s{%s=%%q})", hostLabels, over, label), label)
	}
	return strings.Join([]string{
		"{{ range ", query, " | query }}{{ .Labels.", locationLabel, " }} {{ .Value | humanizePercentage }} {{ end }}",
	}, "")
}
