package main

import (
	"fmt"
	"strings"
	"time"

	"squarewatch/config/setting"
)

// summary describes the period in sentences. Times are in the zone of Until.
func (r *periodReport) summary() []string {
	const layout = "2006-01-02 15:04 MST"
	list := []string{
		fmt.Sprintf("%s from %s to %s", r.Target, r.From.In(r.Until.Location()).Format(layout), r.Until.Format(layout)),
		fmt.Sprintf("Availability %s: %s, %d unexpected.", availabilityText(r.Availability), withNumber(r.Runs, "finished run"), r.Unexpected),
	}
	if r.Location != "" {
		list[0] += ", seen from " + r.Location
	}
	if r.Ours > 0 {
		list = append(list, fmt.Sprintf("%d of the unexpected runs were the fault of our own network, resolver or machine.", r.Ours))
	}
	if r.Missed > 0 {
		list = append(list, fmt.Sprintf("Missed: %s, which count neither as good nor as bad.", withNumber(r.Missed, "run")))
	}
	if r.Unwatched > 0 {
		list = append(list, fmt.Sprintf("squarewatch did not run for %s of this time.", durationText(r.Unwatched)))
	}
	if r.HistoryFrom != nil {
		list = append(list, fmt.Sprintf("The history begins only at %s.", r.HistoryFrom.In(r.Until.Location()).Format(layout)))
	}
	return list
}

// durationText shows seconds as a duration.
func durationText(seconds float64) string {
	return setting.Duration(time.Duration(seconds * float64(time.Second)).Round(time.Second)).String()
}

// reportTable is a table of the report. Without rows, the report shows the text in the field none; without that text, nothing.
type reportTable struct {
	title, none string
	columns     []string
	essential   int // the number of columns that a narrow display shows; 0 for all
	rows        [][]any
}

// tables returns the parts of the report.
func (r *periodReport) tables() []reportTable {
	probes := reportTable{
		title: "Probes", none: "There are no runs in this period.",
		columns: []string{"probe", "availability", "runs", "unexpected", "missed", "mean", "slowest"}, essential: 4,
	}
	for i := range r.Probes {
		p := &r.Probes[i]
		probes.rows = append(probes.rows, []any{
			p.Probe, availabilityText(p.Availability), p.Runs, p.Unexpected, p.Missed, secondsText(p.Mean), secondsText(p.Slowest),
		})
	}
	budgets := reportTable{title: "Error budgets", columns: []string{"rule", "objective", "runs", "bad", "spent"}}
	for i := range r.Budgets {
		b := &r.Budgets[i]
		budgets.rows = append(budgets.rows, []any{b.Rule, setting.Share(b.Objective), b.Runs, b.Bad, setting.Share(b.Spent)})
	}
	incidents := reportTable{
		title: "Incidents", none: "There were no incidents.",
		columns: []string{"fired at", "rule", "series", "bad for", "fired for", "blame", "bad runs"}, essential: 5,
	}
	for i := range r.Incidents {
		incidents.rows = append(incidents.rows, r.Incidents[i].row(r.Until))
	}
	return []reportTable{probes, budgets, incidents}
}

func (i *incidentReport) row(until time.Time) []any {
	declared := durationText(i.Declared)
	if i.Resolved == nil {
		declared += ", still firing"
	}
	culprit := i.Culprit
	if culprit == "" {
		culprit = "-"
	}
	fired := i.Fired.In(until.Location()).Format("2006-01-02 15:04")
	return []any{fired, i.Rule, i.Series, durationText(i.BadTime), declared, culprit, i.BadRuns}
}

func secondsText(seconds float64) string {
	return milliseconds(time.Duration(seconds * float64(time.Second)))
}

// text returns the report for a display.
func (r *periodReport) text(d display) string {
	var out strings.Builder
	for _, line := range r.summary() {
		out.WriteString(d.line(line, ""))
	}
	for _, part := range r.tables() {
		if len(part.rows) == 0 {
			if part.none != "" {
				out.WriteString(d.line(part.none, ""))
			}
			continue
		}
		columns := len(part.columns)
		if d.isNarrow() && part.essential > 0 {
			columns = part.essential
		}
		t := d.table(part.columns[:columns]...)
		for _, row := range part.rows {
			t.add(row[:columns]...)
		}
		out.WriteString(t.String())
	}
	return out.String()
}

// markdown returns the report as GitHub Flavored Markdown.
func (r *periodReport) markdown() string {
	var out strings.Builder
	lines := r.summary()
	fmt.Fprintf(&out, "# %s\n\n%s\n", escapeMarkdown(lines[0]), escapeMarkdown(strings.Join(lines[1:], " ")))
	for _, part := range r.tables() {
		switch {
		case len(part.rows) > 0:
			fmt.Fprintf(&out, "\n## %s\n\n| %s |\n|%s\n", part.title, strings.Join(part.columns, " | "), strings.Repeat(" --- |", len(part.columns)))
		case part.none != "":
			fmt.Fprintf(&out, "\n%s\n", part.none)
		}
		for _, row := range part.rows {
			cells := make([]string, 0, len(row))
			for _, cell := range row {
				cells = append(cells, escapeMarkdown(fmt.Sprint(cell)))
			}
			fmt.Fprintf(&out, "| %s |\n", strings.Join(cells, " | "))
		}
	}
	return out.String()
}

// escapeMarkdown escapes text, so that a table or a paragraph shows it unchanged: https://github.github.com/gfm/#backslash-escapes.
func escapeMarkdown(text string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "[", `\[`, "\n", " ").Replace(text)
}
