package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/config/golden"
	"squarewatch/probe/aisquaretest"
)

// reportedScene runs a daemon for two hours, with an outage of ten minutes of one endpoint, and returns its report.
func reportedScene(t *testing.T) *periodReport {
	t.Helper()
	var report *periodReport
	file := strings.Replace(sceneFile, "state_dir: none", "state_dir: "+t.TempDir(), 1)
	file = strings.Replace(file, "rules:\n", "rules:\n  - {name: budget, on: [5xx], objective: 99%, period: 7d}\n", 1)
	synctest.Test(t, func(t *testing.T) {
		s := newSceneWith(t, file, func(*Options) {})
		defer s.stop()
		s.after(time.Hour)
		s.api.SetFault(feedPath, aisquaretest.Fault{Status: 500})
		s.after(10 * time.Minute)
		s.api.ClearFaults()
		s.after(50 * time.Minute)
		opened, now := s.daemon.state.opened.Load(), time.Now()
		if opened == nil {
			t.Fatal("the database is not open")
		}
		var err error
		report, err = newPeriodReport(t.Context(), s.daemon.config(), opened.history, opened.store, now.Add(-3*time.Hour), now)
		if err != nil {
			t.Fatal(err)
		}
	})
	return report
}

func TestReportCountsRunsAndIncidents(t *testing.T) {
	r := reportedScene(t)
	if len(r.Probes) == 0 || r.Probes[0].Probe != "feed" || r.Probes[0].Unexpected < 55 || r.Probes[0].Unexpected > 65 {
		t.Fatalf("want the feed first with about 60 unexpected runs, got %+v", r.Probes)
	}
	if r.Unexpected != r.Probes[0].Unexpected || r.Runs <= r.Probes[0].Runs || *r.Availability <= *r.Probes[0].Availability {
		t.Errorf("want the sums of all probes, got %+v", r)
	}
	if len(r.Incidents) == 0 || r.Incidents[0].Series != "feed" || r.Incidents[0].Resolved == nil {
		t.Fatalf("want one incident of the feed that is over, got %+v", r.Incidents)
	}
	i := r.Incidents[0]
	if bad := time.Duration(i.BadTime * 1e9); bad < 9*time.Minute || bad > 10*time.Minute || i.BadRuns < 55 || i.Declared <= 0 {
		t.Errorf("want a bad time of nearly ten minutes and a declared time, got %+v", i)
	}
	if len(r.Budgets) != 1 || r.Budgets[0].Bad != r.Unexpected || r.Budgets[0].Spent <= 1 {
		t.Errorf("want an overspent budget, got %+v", r.Budgets)
	}
	if r.HistoryFrom == nil {
		t.Error("want the report to say that the history is shorter than the period")
	}
}

// someReport is a report without a database.
func someReport() *periodReport {
	resolved := at().Add(-time.Hour)
	return &periodReport{
		Target: "api.example.org", From: at().Add(-7 * 24 * time.Hour).Truncate(time.Hour), Until: at(), Availability: new(0.99987),
		Runs: 120000, Unexpected: 16, Ours: 4, Missed: 3, Unwatched: 754,
		Probes: []probeReport{
			{Probe: "a-probe-with-quite-a-long-name", Availability: new(0.9951), Runs: 20000, Unexpected: 98, Missed: 3, Mean: 0.123, Slowest: 9.5},
			{Probe: "reach", Availability: new(1.0), Runs: 100000, Mean: 0.04, Slowest: 0.9},
			{Probe: "new"},
		},
		Budgets: []budgetReport{{Rule: "availability", Objective: 0.995, Runs: 120000, Bad: 16, Spent: 0.027}},
		Incidents: []incidentReport{
			{
				Rule: "server-errors", Series: "feed", Fired: at().Add(-2 * time.Hour), Resolved: &resolved,
				BadTime: 480, BadRuns: 16, Declared: 600, Culprit: "the API",
			},
			{Rule: "un_auth|d", Series: "partner", Fired: at().Add(-time.Minute), BadTime: 30, BadRuns: 2, Declared: 60},
		},
	}
}

func TestReportFitsItsTerminal(t *testing.T) {
	checkWidths(t, "report", func(d display) string { return someReport().text(d) })
	golden.Check(t, "testdata/display/report-markdown.golden", someReport().markdown(), *update)
	located := someReport()
	located.Location = "fra"
	golden.Check(t, "testdata/display/report-location.golden", located.text(display{}), *update)
}

func TestAvailabilityIsNotRoundedUp(t *testing.T) {
	for want, share := range map[string]*float64{"99.99%": new(0.999999), "100.00%": new(1.0), "97.33%": new(0.97339), "no runs": nil} {
		if got := availabilityText(share); got != want {
			t.Errorf("want %s, got %s", want, got)
		}
	}
}
