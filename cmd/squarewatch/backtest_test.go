package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"squarewatch/alert"
	"squarewatch/config"
	"squarewatch/probe"
	"squarewatch/probe/database"
	"squarewatch/probe/history"
)

// storedHistory is a configuration with the history of a daemon that ran until now.
type storedHistory struct {
	t   *testing.T
	cfg *config.Config
	now time.Time
	all []*probe.Result
}

// newStoredHistory writes the results of the given length of time until now, one every interval. code returns the status for an age.
func newStoredHistory(t *testing.T, file string, length, interval time.Duration, code func(age time.Duration) int) *storedHistory {
	t.Helper()
	cfg, err := config.Parse("squarewatch.yaml", fmt.Appendf(nil, "%s\nstate_dir: %s\n", file, memoryDir(t)), config.Options{Kinds: kinds()})
	if err != nil {
		t.Fatal(err)
	}
	h := &storedHistory{t: t, cfg: cfg, now: time.Date(2026, 10, 7, 12, 0, 0, 0, time.UTC)}
	db, err := database.Open(t.Context(), databasePath(cfg), discardLogger())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	store, err := history.NewStore(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	writer := history.NewWriter(store, history.WriterOptions{Retention: cfg.Retention, Logger: discardLogger()})
	for age := length; age >= 0; age -= interval {
		class := probe.ClassOfStatus(code(age))
		r := &probe.Result{Probe: "feed", End: h.now.Add(-age), Class: class, Code: code(age), Expected: class == probe.Success}
		h.all = append(h.all, r)
		writer.Finished(r)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	writer.Run(ended)
	if err := store.Forget(t.Context(), cfg.Retention, h.now); err != nil {
		t.Fatal(err)
	}
	return h
}

// backtest returns the incidents that already fire when the period begins, the later messages, and the warnings.
func (h *storedHistory) backtest(since time.Duration) (already, changes, warnings []string, report *backtestReport) {
	h.t.Helper()
	source, done, err := newSource(h.t.Context(), h.cfg, "", since, h.now)
	if err != nil {
		h.t.Fatal(err)
	}
	defer done()
	if report, err = backtest(h.cfg, source); err != nil {
		h.t.Fatal(err)
	}
	for i := range report.already {
		already = append(already, report.already[i].Rule+" "+report.already[i].Series)
	}
	return already, h.lines(report.changes), source.shortcomings(h.cfg.Rules), report
}

func (h *storedHistory) lines(changes []alert.Transition) []string {
	var lines []string
	for i := range changes {
		t := &changes[i]
		lines = append(lines, fmt.Sprintf("-%v %s %s %s", h.now.Sub(t.At), t.Event, t.Incident.Rule, t.Incident.Series))
	}
	return lines
}

// TestBacktestStartsWithTheDaemonsState checks that a backtest gives the same messages wherever its period begins. At the begin, the
// windows must be full and the firing incidents known.
func TestBacktestStartsWithTheDaemonsState(t *testing.T) {
	const file = `target: https://api.aisquare.studio
catalogue: [feed]
rules:
  - {name: held, on: [5xx], window: 2m, for: 3m, severity: warning} # less urgent, so that it does not cover the other
  - {name: wide, on: [5xx], window: 30m, threshold: 30%}
`
	h := newStoredHistory(t, file, 3*time.Hour, 10*time.Second, func(age time.Duration) int {
		if age < 100*time.Minute && age > 80*time.Minute || age < 20*time.Minute {
			return 500
		}
		return 200
	})
	engine, err := newEngine(h.cfg, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	engine.Resume(h.all[0].End)
	live := &backtestReport{}
	for _, r := range h.all {
		live.add(engine.Observe(r))
	}
	if len(live.changes) != 6 {
		t.Fatalf("want two rules to fire, to resolve and to fire, got %v", h.lines(live.changes))
	}
	for since := 5 * time.Minute; since < 2*time.Hour; since += 5 * time.Minute {
		var before, after []alert.Transition
		for _, c := range live.changes {
			if c.At.After(h.now.Add(-since)) {
				after = append(after, c)
			} else {
				before = append(before, c)
			}
		}
		already, changes, warnings, report := h.backtest(since)
		if diff := cmp.Diff(h.lines(after), changes); diff != "" {
			t.Errorf("since %v (-live +backtest):\n%s", since, diff)
		}
		fires := firing(before)
		for _, name := range already {
			rule, series, _ := strings.Cut(name, " ")
			if !fires[incidentKey{rule, series}] {
				t.Errorf("since %v: want %s not to fire before the period", since, name)
			}
		}
		if len(already) != len(fires) {
			t.Errorf("since %v: want %d firing already, got %v", since, len(fires), already)
		}
		if len(warnings) > 0 {
			t.Errorf("since %v: want no warning, got %v", since, warnings)
		}
		for _, total := range report.totals() {
			if total.stillFiring != 1 {
				t.Errorf("since %v: want %s to fire at the end, got %+v", since, total.rule, total)
			}
		}
		if want := int(since / (10 * time.Second)); report.runs != want {
			t.Errorf("since %v: want %d runs, got %d", since, want, report.runs)
		}
	}
}

// TestBacktestFillsLongWindowsFromRollups checks that the roll-ups of minutes fill a window from before the stored single runs.
func TestBacktestFillsLongWindowsFromRollups(t *testing.T) {
	const file = `target: https://api.aisquare.studio
catalogue: [feed]
defaults: {schedule: "@every 5m"}
rules:
  - {name: weekly, on: [5xx], window: 7d, threshold: 10%}
`
	day := 24 * time.Hour
	bad := func(age time.Duration) int {
		if age > 4*day && age < 6*day { // 2 days of 7, and single runs are kept for 3
			return 500
		}
		return 200
	}
	already, changes, warnings, _ := newStoredHistory(t, file, 10*day, 5*time.Minute, bad).backtest(day)
	changes = slices.DeleteFunc(changes, func(line string) bool { return strings.Contains(line, " update ") }) // reminders
	if !slices.Equal(already, []string{"weekly feed"}) || len(changes) != 0 || len(warnings) != 0 {
		t.Errorf("want the rule to fire before the period, got %v, %v and %v", already, changes, warnings)
	}
	_, _, warnings, _ = newStoredHistory(t, file, 2*day, 5*time.Minute, bad).backtest(day)
	if len(warnings) != 1 || !strings.Contains(warnings[0], "the rule weekly looks back 168h0m0s and the history begins at") {
		t.Errorf("want a warning that the history is shorter than the window, got %q", warnings)
	}
	_, _, warnings, _ = newStoredHistory(t, file, time.Hour, 5*time.Minute, bad).backtest(day)
	if len(warnings) != 2 || !strings.Contains(warnings[0], "later than --since asks for") || !strings.Contains(warnings[1],
		"the rule weekly") {
		t.Errorf("want a warning that the history is shorter than --since, got %q", warnings)
	}
}

// TestBacktestBeginsWithSingleRuns asks for more than the three days of single runs. Before them, only the counts of each hour are stored.
// The counts do not say in which order the runs of an hour came. Eight bad runs of sixty, one every seven minutes, fire no rule with a
// window of five minutes. Eight bad runs in a row would.
func TestBacktestBeginsWithSingleRuns(t *testing.T) {
	const file = `target: https://api.aisquare.studio
catalogue: [feed]
defaults: {schedule: "@every 1m"}
rules:
  - {name: errors, on: [5xx], window: 5m, threshold: 40%, min_runs: 5}
`
	day := 24 * time.Hour
	h := newStoredHistory(t, file, 5*day, time.Minute, func(age time.Duration) int {
		if age > 4*day && age%(7*time.Minute) == 0 {
			return 500
		}
		return 200
	})
	already, changes, warnings, report := h.backtest(5 * day)
	if len(already) != 0 || len(changes) != 0 {
		t.Errorf("want no incident, got %v and %v", already, changes)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "so the backtest begins then: retention.runs") {
		t.Errorf("want a warning that the period is shorter, got %q", warnings)
	}
	if length := h.now.Sub(report.first); length < 3*day-time.Hour || length > 3*day+time.Hour {
		t.Errorf("want a period of three days, got %v", length)
	}
}

// TestBacktestKnowsTheLastRunsOfRareProbes has a probe that runs so rarely that its streak is evaluated. No window covers these runs.
func TestBacktestKnowsTheLastRunsOfRareProbes(t *testing.T) {
	const file = `target: https://api.aisquare.studio
catalogue: [feed]
defaults: {schedule: "@hourly"}
`
	h := newStoredHistory(t, file, 12*time.Hour, time.Hour, func(time.Duration) int { return 500 })
	already, changes, _, _ := h.backtest(10 * time.Minute)
	if !slices.Equal(already, []string{"server-errors feed"}) || len(changes) != 0 {
		t.Errorf("want its streak to fire before the period, got %v and %v", already, changes)
	}
}
