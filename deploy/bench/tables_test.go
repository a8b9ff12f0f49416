package bench_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"squarewatch/config/golden"
)

var update = flag.Bool("update", false, "write the tables of docs/performance.md from "+recordedFile)

// TestThePerformanceOfTheDocs compares docs/performance.md with what was recorded.
func TestThePerformanceOfTheDocs(t *testing.T) {
	r, err := readRecording()
	if err != nil {
		t.Fatal(err)
	}
	const page = "../../docs/performance.md"
	golden.CheckSection(t, page, "machine", machineList(r), *update)
	golden.CheckSection(t, page, "budgets", budgetTable(r)+profileLists(r), *update)
	golden.CheckSection(t, page, "parts", partTable(r), *update)
	golden.CheckSection(t, page, "settings", settingTable(r), *update)
}

// TestThePicturesAreOfTheRecording checks that each picture of the page names the commit that was recorded: make bench-record draws them.
func TestThePicturesAreOfTheRecording(t *testing.T) {
	r, err := readRecording()
	if err != nil {
		t.Fatal(err)
	}
	pictures, err := filepath.Glob("../../docs/pictures/bench-*.svg")
	if err != nil || len(pictures) != 6 {
		t.Fatalf("want three pictures for light and dark pages, got %q and %v", pictures, err)
	}
	for _, path := range pictures {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "<desc>"+r.Commit+"</desc>") {
			t.Errorf("%s is not of %s: make bench-record, or go run . in deploy/bench/curves", path, r.Commit)
		}
	}
}

// machineList says how a recording came about.
func machineList(r recording) string {
	return fmt.Sprintf("- Command: `%s`, %.0f s\n- Commit: %s\n- Machine: %s; load when it began: %s\n- Programs: %s\n",
		r.Command, r.Seconds, r.Commit, r.Machine, r.Load, r.Versions)
}

// budgetTable holds what was measured against the budgets.
func budgetTable(r recording) string {
	var text strings.Builder
	fmt.Fprint(&text, "| what | budget | measured | met |\n| --- | --- | --- | --- |\n")
	for _, b := range budgets() {
		got, known := b.figure(r)
		met := map[bool]string{true: "yes", false: "**no**"}[got.Median <= b.atMost]
		if !known {
			met = "not measured"
		}
		fmt.Fprintf(&text, "| %s | ≤ %s | %s | %s |\n", b.what, strings.TrimSpace(number(b.atMost)+" "+b.unit), withSpread(got), met)
	}
	whole, _ := r.figure(setting{}, everything, resident)
	own, _ := r.figure(setting{}, everything, anonymous)
	fmt.Fprintf(&text, "\nOf the %s MB of the idle daemon, %s MB are its own. The others are pages of the binary, which the kernel can "+
		"drop.\n", number(whole.Median), number(own.Median))
	return text.String()
}

// profileLists says where the CPU time goes in each setting with a missed budget.
func profileLists(r recording) string {
	var text strings.Builder
	for _, what := range slices.Sorted(maps.Keys(r.Profiles)) {
		fmt.Fprintf(&text, "\nMissed: %s. Share of the CPU time by function, each with what it calls, down to the next one:\n\n", what)
		for _, line := range r.Profiles[what] {
			fmt.Fprintf(&text, "- %s\n", line)
		}
	}
	return text.String()
}

// partTable holds what a run costs without a part, in the setting in which all of them were measured.
func partTable(r recording) string {
	var text strings.Builder
	fmt.Fprint(&text, "| program | CPU of a run, µs | × bare | resident, MB |\n| --- | --- | --- | --- |\n")
	for _, program := range []string{bare, everything, fewTraces, noOTLP, noState, noRules, nothing, defaultGC} {
		fmt.Fprintf(&text, "| %s |", program)
		for _, name := range []string{cpuPerRun, timesBare, resident} {
			got, _ := r.figure(plainReuse(), program, name)
			fmt.Fprintf(&text, " %s |", withSpread(got))
		}
		fmt.Fprintln(&text)
	}
	return text.String()
}

// settingTable holds each setting with its programs, apart from those that have a part off.
func settingTable(r recording) string {
	var text strings.Builder
	fmt.Fprint(&text, "| setting | program | CPU of a run, µs | × bare | resident, MB | PSS, MB | runs/s | interval off by, ms | "+
		"late by, ms | missed |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, c := range r.Cells {
		for _, program := range []string{bare, everything, blackbox} {
			got, known := c.Programs[program]
			if !known || c.Probes == 0 {
				continue
			}
			fmt.Fprintf(&text, "| %v | %s |", c.setting, program)
			for _, name := range []string{cpuPerRun, timesBare, resident, proportional, runsPerSec, spacing, lateness, missed} {
				cell := ""
				if value, known := got[name]; known {
					cell = number(value.Median)
				}
				fmt.Fprintf(&text, " %s |", cell)
			}
			fmt.Fprintln(&text)
		}
	}
	return text.String()
}

// withSpread writes a median, and behind it the least and the greatest of several turns.
func withSpread(s spread) string {
	if s.Low == s.High {
		return number(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", number(s.Median), number(s.Low), number(s.High))
}

// number writes a number with three digits that count.
func number(value float64) string {
	switch {
	case value >= 100 || value == 0:
		return strconv.FormatFloat(value, 'f', 0, 64)
	case value >= 10:
		return strconv.FormatFloat(value, 'f', 1, 64)
	}
	return strconv.FormatFloat(value, 'f', 2, 64)
}
