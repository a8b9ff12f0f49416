package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"squarewatch/probe"
)

// waterfallWidth is the width in characters of the slowest probe's bar.
const waterfallWidth = 32

// resultTable draws the results with a waterfall of phases, on the scale of the slowest result.
func resultTable(results []*probe.Result) string {
	var slowest time.Duration
	for _, r := range results {
		slowest = max(slowest, r.Latency())
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"probe", "class", "code", "time", "d:dns c:connect t:tls s:send w:wait r:receive", "expected"})
	for _, r := range results {
		t.AppendRow(table.Row{r.Probe, r.Class, codeText(r.Code), milliseconds(r.Latency()), waterfall(r, slowest), expectedText(r)})
	}
	return t.Render()
}

// waterfall draws the phases of the first answer as letters. The width of a phase follows its duration; each has at least one letter.
func waterfall(r *probe.Result, slowest time.Duration) string {
	try := r.FirstTry()
	if slowest <= 0 {
		return ""
	}
	var bar strings.Builder
	for i := range try {
		for _, phase := range try[i].Phases {
			end := int(phase.End.Sub(try[0].Start) * waterfallWidth / slowest)
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
