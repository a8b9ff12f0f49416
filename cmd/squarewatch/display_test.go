package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/config"
	"squarewatch/config/golden"
	"squarewatch/probe"
)

// checkWidths compares what draw returns with a golden file for each width. No line may be wider, and the text with colours must be the
// same.
func checkWidths(t *testing.T, name string, draw func(d display) string) {
	t.Helper()
	for _, width := range []int{0, 60, 80, 200} {
		got := draw(display{width: width})
		label := "pipe"
		if width > 0 {
			label = strconv.Itoa(width)
		}
		golden.Check(t, "testdata/display/"+name+"-"+label+".golden", got, *update)
		if coloured := draw(display{width: width, colour: true}); text.StripEscape(coloured) != text.StripEscape(got) {
			t.Errorf("%s at %s: want the same text with colours, got\n%s", name, label, coloured)
		}
		for line := range strings.Lines(got) {
			if columns := text.StringWidthWithoutEscSequences(strings.TrimSuffix(line, "\n")); width > 0 && columns > width {
				t.Errorf("%s: want at most %d columns, got %d: %s", name, width, columns, line)
			}
		}
	}
}

// at is when the fixtures of this file happen.
func at() time.Time { return time.Date(2026, 11, 30, 3, 4, 5, 0, time.UTC) }

// sickStatus is the status of a daemon with two incidents, one of which joined the other, and a bad probe among many healthy ones.
func sickStatus() *statusJSON {
	since, last, yesterday := at().Add(-12*time.Minute), at().Add(-20*time.Second), at().Add(-30*time.Hour)
	s := &statusJSON{
		Silences: []alert.Silence{}, Troubles: []string{"delivery: messages wait since 5 min for ops"},
		Configuration: configurationJSON{Loaded: yesterday}, Keys: []keyJSON{{Credential: "partner", Since: yesterday}},
		Notifiers: []notifierJSON{
			{Notifier: "ops", Pending: 2, OldestAge: 300, LastError: "post to Slack: status 503; the daemon tries again", Told: yesterday},
			{Notifier: "team", Told: since},
		},
		Alerts: []alertJSON{
			{Rule: "unreachable", Series: "all", Severity: "critical", State: "inactive", Runs: 120, Threshold: 0.2},
			{Rule: "server-errors", Series: "feed", Severity: "critical", State: "firing", CoveredBy: "unauthenticated partner", Since: &since},
			{
				Rule: "unauthenticated", Series: "partner", Severity: "critical", State: "firing", Rate: 0.4, Runs: 20, Threshold: 0.2,
				Since: &since, FirstBad: &since, LastBad: &last, BadRuns: 8, Blame: probe.BlameCredential, Incident: "4f3a90c1b2d7",
				Fault: "Our credential partner is refused: it is ours to fix. It is wrong, expired or revoked: replace it.",
				Evidence: []probe.Evidence{
					{For: probe.BlameCredential, Text: "2 other endpoints refuse the same key, and serve requests without one", At: last},
				},
			},
			{Rule: "slow", Series: "a-probe-with-a-very-long-name-of-its-own", Severity: "warning", State: "pending", Runs: 9, Since: &last},
		},
		Probes: []probeJSON{
			{Probe: "reach", Schedule: "@every 30s", Class: "success", Code: 200, Expected: true, UpSince: &yesterday, Runs: 3600},
			{Probe: "feed", Schedule: "@every 30s", Class: "unauthenticated", Code: 401, BadSince: &since, Runs: 3600, Missed: 2},
			{Probe: "new", Schedule: "@hourly"},
		},
	}
	return s
}

// healthyStatus is the status of a daemon that works and whose probes are healthy.
func healthyStatus() *statusJSON {
	yesterday := at().Add(-30 * time.Hour)
	return &statusJSON{
		Configuration: configurationJSON{Loaded: yesterday}, Notifiers: []notifierJSON{{Notifier: "ops"}},
		Alerts: []alertJSON{{Rule: "unreachable", Series: "all", Severity: "critical", State: "inactive", Runs: 120, Threshold: 0.2}},
		Probes: []probeJSON{
			{Probe: "reach", Schedule: "@every 30s", Class: "success", Code: 200, Expected: true, UpSince: &yesterday, Runs: 3600},
		},
	}
}

func TestStatusFitsItsTerminal(t *testing.T) {
	checkWidths(t, "status", func(d display) string { return (&statusView{display: d}).render(sickStatus(), at()) })
	checkWidths(t, "status-all", func(d display) string { return (&statusView{display: d, all: true}).render(sickStatus(), at()) })
	checkWidths(t, "status-healthy", func(d display) string { return (&statusView{display: d}).render(healthyStatus(), at()) })
	checkWidths(t, "status-location", func(d display) string {
		s := healthyStatus()
		s.Location = "fra"
		return (&statusView{display: d}).render(s, at())
	})
	checkWidths(t, "status-colours", func(d display) string {
		d.colour = true
		return (&statusView{display: d}).render(sickStatus(), at())
	})
}

func TestStatusShowsWhatFiresFirst(t *testing.T) {
	got := (&statusView{}).render(sickStatus(), at())
	order := []string{
		"2 firing; 1 of 3 probes not healthy", "FIRING unauthenticated partner (critical), bad since 02:52:05 (12 min)",
		"firing with unauthenticated partner", "pending: slow", "squarewatch does not work", "feed", "1 probe is healthy",
	}
	from := 0
	for _, want := range order {
		i := strings.Index(got[from:], want)
		if i < 0 {
			t.Fatalf("want %q below the texts before it, got\n%s", want, got)
		}
		from += i
	}
}

func TestColoursAreOnlyForTerminals(t *testing.T) {
	for name, c := range map[string]struct {
		display display
		want    bool
	}{"a terminal": {display{terminal: true, colour: true}, true}, "a pipe or NO_COLOR": {display{}, false}} {
		got := (&statusView{display: c.display}).render(sickStatus(), at())
		if coloured := strings.Contains(got, "\x1b["); coloured != c.want {
			t.Errorf("%s: want colours %t, got\n%q", name, c.want, got)
		}
	}
	var out bytes.Buffer
	for variables, want := range map[string]bool{
		"": false, "FORCE_COLOR": true, "NO_COLOR": false, "FORCE_COLOR NO_COLOR": false,
	} {
		p := process{stdout: &out, env: func(name string) (string, bool) { return "1", strings.Contains(variables, name) && name != "" }}
		if got := p.display(); got.colour != want || got.terminal {
			t.Errorf("%q in a pipe: want colour %t and no terminal, got %+v", variables, want, got)
		}
	}
}

func TestColumnsSetsTheWidth(t *testing.T) {
	for value, want := range map[string]int{"72": 72, "": 0, "wide": 0, "-3": 0, "0": 0} {
		p := process{stdout: &bytes.Buffer{}, env: func(name string) (string, bool) { return value, name == "COLUMNS" }}
		if got := p.display().width; got != want {
			t.Errorf("COLUMNS=%q: want width %d, got %d", value, want, got)
		}
	}
}

// someResults returns the given number of healthy runs, a run with a 503 and an excerpt, and a run without an answer.
func someResults(healthy int) []*probe.Result {
	result := func(name string, class probe.Class, code int) *probe.Result {
		begin := at()
		phases := []probe.Phase{
			{Kind: probe.PhaseConnect, Start: begin, End: begin.Add(20 * time.Millisecond)},
			{Kind: probe.PhaseWait, Start: begin.Add(20 * time.Millisecond), End: begin.Add(90 * time.Millisecond)},
		}
		attempt := probe.Attempt{Cause: probe.CauseFirst, Start: begin, End: begin.Add(90 * time.Millisecond), Phases: phases}
		return &probe.Result{Probe: name, Class: class, Code: code, Expected: class == probe.Success, Attempts: []probe.Attempt{attempt}}
	}
	var list []*probe.Result
	for i := range healthy {
		list = append(list, result(fmt.Sprintf("healthy-%d", i+1), probe.Success, 200))
	}
	broken, silent := result("broken", probe.ServerError, 503), result("a-probe-with-quite-a-long-name", probe.Timeout, 0)
	broken.Reason, broken.Excerpt = "answered 503, expected 2xx", "down for repair, please come back when the database has been restored"
	silent.Reason = "no complete answer within 10s: no byte of the answer came"
	return append(list, broken, silent)
}

func TestProbeFitsItsTerminal(t *testing.T) {
	checkWidths(t, "probe", func(d display) string { return drawResults(d, someResults(2), false) })
	checkWidths(t, "probe-many", func(d display) string { return drawResults(d, someResults(1000), false) })
}

func TestProbeShowsUnexpectedResultsFirst(t *testing.T) {
	few, many := drawResults(display{}, someResults(2), false), drawResults(display{}, someResults(1000), false)
	if strings.Index(few, "broken") > strings.Index(few, "healthy-1") {
		t.Errorf("want the unexpected result first, got\n%s", few)
	}
	if !strings.Contains(many, "1000 probes answered as expected; --all lists them.") || strings.Contains(many, "healthy-7") {
		t.Errorf("want many healthy results counted, got\n%.2000s", many)
	}
	if all := drawResults(display{}, someResults(1000), true); !strings.Contains(all, "healthy-1000") {
		t.Error("want all results with --all")
	}
}

func TestCheckFitsItsTerminal(t *testing.T) {
	cfg, err := config.Parse("squarewatch.yaml", []byte(sceneFile), config.Options{Kinds: kinds()})
	if err != nil {
		t.Fatal(err)
	}
	cfg.StateDir = ""
	checkWidths(t, "check", func(d display) string { return checkText(d, "squarewatch.yaml", cfg) })
	checkWidths(t, "check-warnings", func(d display) string { return warningsText(d, cfg) })
	checkWidths(t, "check-live", func(d display) string {
		return liveText(d, []liveCheck{
			works("target api.aisquare.studio", "connected to 192.0.2.1:443 and answered 404 in 93.1 ms"),
			fails("credential partner", "collections: answered 401, expected 2xx: Given token not valid for any token type"),
			notAsked("collector", "no collector is configured, so traces are not exported"),
			fails("notifier ops (slack)", "ask Slack: status 404 no_service; to do: the webhook was removed or turned off: make a new incoming "+
				"webhook in Slack and write its address into webhook_url"),
		})
	})
}

// watchFor runs status --watch, which asks for a status every two seconds. Each function answers once. It returns the output.
func watchFor(t *testing.T, view statusView, looks ...func() (*statusJSON, error)) string {
	t.Helper()
	var out bytes.Buffer
	view.out = &out
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		view.ask = func(context.Context) (*statusJSON, error) {
			look := looks[0]
			if looks = looks[1:]; len(looks) == 0 {
				cancel()
			}
			return look()
		}
		if err := view.watch(ctx); err != nil {
			t.Error(err)
		}
	})
	return out.String()
}

func TestWatchInAPipePrintsOneBlockForEachChange(t *testing.T) {
	well := func() (*statusJSON, error) {
		return &statusJSON{Probes: []probeJSON{{Probe: "a", Runs: 1, Expected: true}}}, nil
	}
	more := func() (*statusJSON, error) {
		return &statusJSON{Probes: []probeJSON{{Probe: "a", Runs: 7, Expected: true}}}, nil
	}
	sick := func() (*statusJSON, error) { return sickStatus(), nil }
	gone := func() (*statusJSON, error) { return nil, errors.New("ask the daemon: connection refused") }
	got := watchFor(t, statusView{}, well, more, sick, sick, gone, gone, well, well)
	if blocks := strings.Count(got, "squarewatch status at "); blocks != 4 || strings.Contains(got, "\x1b") {
		t.Errorf("want 4 blocks without escape sequences, got %d in\n%q", blocks, got)
	}
	if !strings.Contains(got, "connection refused") || !strings.Contains(got, "FIRING unauthenticated partner") {
		t.Errorf("want the incident and the lost daemon, got\n%s", got)
	}
	lines := strings.Split(strings.TrimSpace(watchFor(t, statusView{json: true}, well, more, gone, sick, sick)), "\n")
	if len(lines) != 3 || !json.Valid([]byte(lines[0])) || !strings.Contains(lines[1], `"error"`) {
		t.Errorf("want 3 lines of JSON, got %q", lines)
	}
}

func TestWatchOnATerminalDrawsAgainAndFits(t *testing.T) {
	sick := func() (*statusJSON, error) { return sickStatus(), nil }
	got := watchFor(t, statusView{display: display{terminal: true, width: 80, height: 10}}, sick, sick, sick, sick)
	screens := strings.Split(got, "\x1b[H\x1b[2J\x1b[3J")[1:]
	if len(screens) != 3 {
		t.Fatalf("want 3 screens, got %d", len(screens))
	}
	if rows := strings.Count(screens[0], "\n"); rows > 10 || !strings.Contains(screens[0], " more lines") {
		t.Errorf("want at most 10 rows, and the number of lines that are left out, got %d:\n%s", rows, screens[0])
	}
}

func TestTheSameStatusIsNoChange(t *testing.T) {
	before, now := watchKey(sickStatus(), nil), watchKey(sickStatus(), nil)
	if before != now || now == watchKey(&statusJSON{}, nil) {
		t.Error("want equal keys for equal states only")
	}
}

func TestTheDemoWritesNoColourToAFile(t *testing.T) {
	for _, colour := range []bool{false, true} {
		var out bytes.Buffer
		s := newScreen(display{out: &out, colour: colour})
		s.message(slack.Render(outbox.Notification{Event: alert.EventTest, At: at()}, slack.Options{}))
		s.summary()
		if got := strings.Contains(out.String(), "\x1b["); got != colour {
			t.Errorf("want colours %t, got\n%q", colour, out.String())
		}
	}
}
