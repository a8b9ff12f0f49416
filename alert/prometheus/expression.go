package prometheus

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"squarewatch/alert"
	"squarewatch/config/setting"
	"squarewatch/probe"
)

// The metrics that the rules read. Package otel defines their names; a test compares them.
const (
	runsMetric = "squarewatch_probe_runs_total"
	upMetric   = "squarewatch_probe_up"
)

// kindLabels are the labels of the counter that distinguish kinds of runs; the other labels are the probe and the scraped host.
const kindLabels = "class, code, expected"

// count returns the expression for the number of runs in a window, for each series. It returns a whole number where possible: increase
// extrapolates (https://prometheus.io/docs/prometheus/latest/querying/functions/#increase), and 2 of 10 must be 20 % and not less. The
// first of these cases that applies gives the number:
//
//   - The counter restarted in the window, because the daemon restarted: increase.
//   - The value at the beginning of the window is known: the difference to it.
//   - The series is new, but another series of its probe is older: the value itself, because all its runs are in the window. increase would
//     miss the first run of a new series, and the first 500 is such a run.
//   - The value at the beginning of the window is not known: the difference to the first known value.
//   - The series ended in the window, because the daemon restarted: increase.
func count(window time.Duration) string {
	return strings.NewReplacer("METRIC", runsMetric, "WINDOW", length(window), "KINDS", kindLabels).Replace(
		`(increase(METRIC[WINDOW]) and resets(METRIC[WINDOW]) > 0)
or (METRIC - METRIC offset WINDOW)
or (METRIC and ignoring (KINDS) METRIC offset WINDOW)
or (METRIC and count_over_time(METRIC[WINDOW]) < ignoring (KINDS) group_left ()
  max without (KINDS) (count_over_time(METRIC[WINDOW])))
or (METRIC - min_over_time(METRIC[WINDOW]))
or increase(METRIC[WINDOW])`)
}

// counted returns the name under which the runs of a window are recorded.
func counted(window time.Duration) string { return "squarewatch:probe_runs:increase" + length(window) }

// figures names what is recorded for a rule.
type figures struct {
	rule     *alert.Rule
	selector string // selects series; empty for all
	perProbe bool   // the figures of each probe, for a rule that counts several probes together
}

// parts returns the figures by which a rule is evaluated: of its series, and of each probe in them.
func (f figures) parts() []figures {
	if f.rule.Per == alert.PerProbe {
		return []figures{f}
	}
	each := f
	each.perProbe = true
	return []figures{f, each}
}

// orEach returns an expression that is true for the series, or for any probe in it.
func (f figures) orEach(expr func(figures) string) string {
	parts := f.parts()
	if len(parts) == 1 {
		return expr(f)
	}
	return fmt.Sprintf("%s\nor max without (probe) (\n  %s\n)", expr(f), indented(expr(parts[1])))
}

// crossed returns the expression that starts an alert.
func (f figures) crossed() string {
	rate, window := f.rate(f.rule.Window), f.rule.Window
	enough := fmt.Sprintf(" and round(%s) >= %d", f.runs(window), f.rule.MinRuns)
	if f.rule.Confidence > 0 {
		return fmt.Sprintf("%s and %s > %s", rate, f.low(), share(f.rule.Threshold)) + enough
	}
	return fmt.Sprintf("%s >= %s", rate, share(f.rule.Threshold)) + enough
}

// notClear returns the expression that keeps an alert firing. One probe of several does not keep it firing when it has too few runs. A
// whole series does: the caller adds that part.
func (f figures) notClear() string {
	rate, window := f.rate(f.rule.Window), f.rule.Window
	text := fmt.Sprintf("%s >= %s", rate, share(f.rule.Clear))
	if f.rule.Confidence > 0 {
		text = fmt.Sprintf("%s and %s >= %s", rate, f.high(), share(f.rule.Clear))
	}
	if f.perProbe {
		text += fmt.Sprintf(" and round(%s) >= %d", f.runs(window), f.rule.MinRuns)
	}
	return text
}

// lastBad returns the expression for series with a probe that had bad runs in the window and whose last run was unexpected.
func (f figures) lastBad(window time.Duration, probes []string) string {
	each := f
	each.perProbe = true
	return fmt.Sprintf("max without (probe) (\n  %s > 0 and ignoring (credential) %s{%s} == 0\n)",
		each.rate(window), upMetric, oneOf("probe", probes))
}

// named returns the name of a recorded figure.
func (f figures) named(figure string, window time.Duration) string {
	if f.perProbe {
		figure = "probe_" + figure
	}
	return prefix(f.rule) + figure + length(window) + f.selector
}

// prefix begins the name of everything that is recorded for a rule.
func prefix(r *alert.Rule) string { return "squarewatch:" + strings.ReplaceAll(r.Name, "-", "_") + ":" }

func (f figures) runs(window time.Duration) string { return f.named("runs", window) }
func (f figures) rate(window time.Duration) string { return f.named("rate", window) }
func (f figures) low() string                      { return f.named("low", f.rule.Window) }
func (f figures) high() string                     { return f.named("high", f.rule.Window) }

// length formats a duration as Prometheus does, rounded to seconds.
func length(d time.Duration) string { return model.Duration(d.Round(time.Second)).String() }

// share formats a share without loss.
func share(s setting.Share) string { return strconv.FormatFloat(float64(s), 'g', -1, 64) }

// oneOf returns a matcher for a label with one of some values. The values must contain no special characters of regular expressions
// except dots.
func oneOf(label string, values []string) string {
	if len(values) == 1 && !strings.Contains(values[0], ".") {
		return fmt.Sprintf("%s=%q", label, values[0])
	}
	return fmt.Sprintf("%s=~%q", label, strings.Join(values, "|"))
}

// badRuns returns the expression for the runs of some probes that a rule counts as bad.
func badRuns(r *alert.Rule, metric string, probes []string) string {
	unexpected := oneOf("probe", probes) + `, expected="false"`
	var codes, classes []string
	for _, selector := range r.On {
		switch text := selector.String(); {
		case text == "unexpected":
			return metric + "{" + unexpected + "}"
		case text == "transport":
			classes = append(classes, transport()...)
		case strings.ContainsAny(text[:1], "12345"):
			codes = append(codes, strings.ReplaceAll(text, "x", "."))
		default:
			classes = append(classes, text)
		}
	}
	var vectors []string
	if len(codes) > 0 { // a broken answer can have a code, but counts by its class
		vectors = append(vectors, fmt.Sprintf("%s{%s, %s, class!~%q}",
			metric, unexpected, oneOf("code", codes), strings.Join(transport(), "|")))
	}
	if len(classes) > 0 {
		slices.Sort(classes)
		vectors = append(vectors, fmt.Sprintf("%s{%s, %s}", metric, unexpected, oneOf("class", slices.Compact(classes))))
	}
	return strings.Join(vectors, "\nor ")
}

// transport returns the classes of runs without a complete answer.
func transport() []string {
	var names []string
	for _, c := range probe.Classes() {
		if c.IsTransport() {
			names = append(names, c.String())
		}
	}
	return names
}

// bounds returns the bounds of the true rate by Wilson's interval, as the engine computes them.
func bounds(rate, runs string, z float64) (low, high string) {
	n, deviations := "clamp_min("+runs+", 1)", strconv.FormatFloat(z, 'g', -1, 64)
	bound := func(sign string) string {
		return strings.NewReplacer("RATE", rate, "RUNS", n, "SIGN", sign, "Z", deviations).Replace(
			"(RATE + Z^2 / (2 * RUNS)\n  SIGN Z * sqrt(RATE * (1 - RATE) / RUNS + Z^2 / (4 * RUNS^2)))\n/ (1 + Z^2 / RUNS)")
	}
	return bound("-"), bound("+")
}

// indented indents all lines but the first.
func indented(text string) string { return strings.ReplaceAll(text, "\n", "\n  ") }
