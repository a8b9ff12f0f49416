package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"squarewatch/probe"
)

// foldAbove is the number of healthy results above which they are counted and not listed.
const foldAbove = 20

// drawResults draws results with the unexpected ones first and a waterfall of phases, on the scale of the slowest result. Many healthy
// results are only counted, unless all are asked for.
func drawResults(d display, results []*probe.Result, all bool) string {
	results = slices.SortedStableFunc(slices.Values(results), func(a, b *probe.Result) int { return cmp.Compare(rankOf(a), rankOf(b)) })
	bad := slices.IndexFunc(results, func(r *probe.Result) bool { return r.Expected })
	if bad < 0 {
		bad = len(results)
	}
	folded := 0
	if healthy := len(results) - bad; !all && healthy > foldAbove {
		results, folded = results[:bad], healthy
	}
	var text strings.Builder
	if len(results) > 0 {
		text.WriteString(resultTable(d, results))
	}
	if folded > 0 {
		text.WriteString(d.line(withNumber(folded, "probe")+" answered as expected; --all lists them.", ""))
	}
	return text.String()
}

// rankOf orders results: unexpected ones first.
func rankOf(r *probe.Result) int {
	if r.Expected {
		return 1
	}
	return 0
}

// waterfallColumns returns how many columns the bar of the slowest result has; 0 where there is no room for bars.
func waterfallColumns(d display) int {
	const widest, small, wide, least = 32, 16, 120, 100
	switch {
	case d.width == 0 || d.width >= wide:
		return widest
	case d.width >= least:
		return small
	}
	return 0
}

func resultTable(d display, results []*probe.Result) string {
	var slowest time.Duration
	for _, r := range results {
		slowest = max(slowest, r.Latency())
	}
	columns := waterfallColumns(d)
	if columns == 0 {
		return narrowTable(d, results)
	}
	t := d.table("probe", "class", "code", "time", "phases", "expected")
	for _, r := range results {
		t.add(r.Probe, r.Class, codeText(r.Code), milliseconds(r.Latency()), waterfall(r, slowest, columns), expectedText(r))
	}
	return t.String() + "phases: d dns, c connect, t tls, s send, w wait, r receive\n"
}

// narrowTable draws results where there is no room for bars. The reasons of unexpected results stand below the table, where they have the
// whole width.
func narrowTable(d display, results []*probe.Result) string {
	t := d.table("probe", "class", "code", "time", "expected")
	var wrong strings.Builder
	for _, r := range results {
		expected, _, isWrong := strings.Cut(expectedText(r), ": ")
		t.add(r.Probe, r.Class, codeText(r.Code), milliseconds(r.Latency()), expected)
		if isWrong {
			wrong.WriteString(d.line(r.Probe+": "+r.Reason, "  "))
			if r.Excerpt != "" {
				wrong.WriteString(d.line("  "+r.Excerpt, "  "))
			}
		}
	}
	return t.String() + wrong.String()
}

// waterfall draws the phases of the first answer as letters. The width of a phase follows its duration; each has at least one letter.
func waterfall(r *probe.Result, slowest time.Duration, columns int) string {
	try := r.FirstTry()
	if slowest <= 0 {
		return ""
	}
	var bar strings.Builder
	for i := range try {
		for _, phase := range try[i].Phases {
			end := int(phase.End.Sub(try[0].Start) * time.Duration(columns) / slowest)
			bar.WriteString(strings.Repeat(string(phase.Kind[:1]), max(1, end-bar.Len())))
		}
	}
	return bar.String()
}

func expectedText(r *probe.Result) string {
	if r.Expected {
		return "yes"
	}
	if r.Excerpt == "" {
		return "NO: " + r.Reason
	}
	return fmt.Sprintf("NO: %s\n%s", r.Reason, r.Excerpt)
}

func codeText(code int) string {
	if code == 0 {
		return "-"
	}
	return strconv.Itoa(code)
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }
