package main

import (
	"strings"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/probe"
)

func TestStatusSaysWhoseFaultItIs(t *testing.T) {
	at := time.Date(2026, 10, 7, 3, 4, 5, 0, time.UTC)
	i := alert.Incident{
		ID: "4f3a90c1b2d7", Rule: "unauthenticated", Series: "partner", Per: alert.PerCredential, Blame: probe.BlameCredential,
	}
	status := alert.Status{
		Rule: i.Rule, Series: i.Series, State: alert.Firing, Blame: i.Blame,
		Evidence: []probe.Evidence{{For: i.Blame, Text: "the login was answered 401", At: at}},
	}
	firing := alertOf(&status, &i)
	joined := alertJSON{Rule: "server-errors", Series: "feed", State: string(alert.Firing), CoveredBy: "unauthenticated partner"}
	out := (&statusView{}).render(&statusJSON{Alerts: []alertJSON{firing, joined}}, at)
	for _, want := range []string{
		"FIRING unauthenticated partner",
		"  Our credential partner is refused: it is ours to fix. It is wrong, expired",
		"  Because: the login was answered 401 (03:04:05)",
		"  Not acknowledged yet: squarewatch acknowledge 4f3a90c1b2d7\n",
		"firing with unauthenticated partner: server-errors feed",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q, got\n%s", want, out)
		}
	}
	i.Acknowledged = &alert.Acknowledgement{By: "ada", At: at}
	out = (&statusView{}).render(&statusJSON{Alerts: []alertJSON{alertOf(&status, &i)}}, at)
	if !strings.Contains(out, "  Acknowledged by ada; incident 4f3a90c1b2d7\n") || strings.Contains(out, "Not acknowledged") {
		t.Errorf("want the person who acknowledged it, got\n%s", out)
	}
}

// TestStatusNamesTheSuspects checks that status names possible culprits in the words of the page, with times in the zone of the terminal.
func TestStatusNamesTheSuspects(t *testing.T) {
	at := time.Date(2026, 10, 7, 5, 0, 0, 0, time.FixedZone("CEST", 2*60*60))
	s := &statusJSON{
		Suspects: []statuspage.Suspect{
			{Name: "API", Known: true, Bad: true, Say: "1 of 9 bad"},
			{Name: "Key partner", Known: true, Say: "accepted", At: at.Add(-time.Minute).UTC(), Left: "3 d left"},
			{Name: "Login service", Say: "no login yet"},
		},
		Traces: &statuspage.TraceFate{State: "lost", Why: "connection refused"},
	}
	out := (&statusView{}).render(s, at)
	for _, want := range []string{
		"✖ API: 1 of 9 bad; ✔ Key partner: accepted at 04:59:00, 3 d left; ◌ Login service: no login yet.\n",
		"Traces are lost: connection refused\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in:\n%s", want, out)
		}
	}
}

// TestStatusShowsOwnFaults checks each fault of squarewatch itself. Status shows it, and --watch sees that something changed.
func TestStatusShowsOwnFaults(t *testing.T) {
	at := time.Date(2026, 10, 7, 3, 4, 5, 0, time.UTC)
	well := &statusJSON{Configuration: configurationJSON{Loaded: at}}
	for want, sick := range map[string]*statusJSON{
		"A restart will lose the state: written by a newer squarewatch": {StateFault: "written by a newer squarewatch"},
		"squarewatch itself is in trouble: no descriptors are left":     {WatcherFault: "no descriptors are left"},
		"The configuration of 03:04:05 runs, and the file differs: its reload was refused": {
			Configuration: configurationJSON{Differs: "its reload was refused"},
		},
		"squarewatch does not work as it should: storage: the disk is full": {Troubles: []string{"storage: the disk is full"}},
	} {
		sick.Configuration.Loaded = at
		if out := (&statusView{}).render(sick, at); !strings.Contains(out, want) {
			t.Errorf("want %q, got\n%s", want, out)
		}
		if watchKey(sick, nil) == watchKey(well, nil) {
			t.Errorf("%s: want --watch to see a change", want)
		}
	}
}
