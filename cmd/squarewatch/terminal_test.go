package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/jedib0t/go-pretty/v6/text"

	"squarewatch/probe/aisquaretest"
)

// sickTarget starts an API with one endpoint that answers 503.
func sickTarget(t *testing.T) string {
	t.Helper()
	api := aisquaretest.New(aisquaretest.Options{})
	api.SetFault("/broken/", aisquaretest.Fault{Status: 503, Body: `{"detail": "down for repair, please come back when it is restored"}`})
	server := aisquaretest.Start(api)
	t.Cleanup(server.Close)
	return server.URL
}

// TestCommandsFitARealTerminal runs the commands that people read at terminals of several widths, with and without NO_COLOR.
func TestCommandsFitARealTerminal(t *testing.T) {
	l := newLiveOf(t, sickTarget(t), "catalogue: [reach]\nprobes: [{name: broken, path: /broken/}]\n")
	colour := regexp.MustCompile("\x1b\\[[0-9;]*m")
	all := []string{"status", "status --all", "probe", "check", "check --live", "report"}
	for _, c := range []struct {
		columns  int
		environ  []string
		commands []string
	}{
		{60, []string{"TERM=xterm"}, all},
		{80, []string{"TERM=xterm", "NO_COLOR=1"}, all},
		{200, []string{"TERM=xterm"}, []string{"status", "probe"}},
	} {
		for _, command := range c.commands {
			arguments := append(strings.Fields(command), "--config", l.file)
			x := startTerminal(t, filepath.Dir(l.file), uint16(c.columns), c.environ, arguments...)
			shown, _ := x.wait() // a probe is unexpected, which is an exit status of 1
			name := fmt.Sprintf("%s at %d columns with %v", command, c.columns, c.environ)
			if len(c.environ) > 1 && colour.MatchString(shown) {
				t.Errorf("%s: want no colours, got\n%q", name, shown)
			}
			for line := range strings.Lines(shown) {
				for part := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), "\r") {
					if got := text.StringWidthWithoutEscSequences(part); got > c.columns {
						t.Errorf("%s: %d columns: %s", name, got, part)
					}
				}
			}
		}
	}
}

// TestATerminalSetsTheDisplay opens a real terminal for every width, with every variable that decides about colours. All commands draw for
// the resulting display. The files in testdata/display show what they draw for each width.
func TestATerminalSetsTheDisplay(t *testing.T) {
	tty, far, err := pty.Open()
	if err != nil {
		t.Skipf("there is no terminal: %v", err)
	}
	defer func() { _, _ = tty.Close(), far.Close() }()
	for _, columns := range []int{60, 80, 200} {
		if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: uint16(columns)}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			environ          map[string]string
			terminal, colour bool
		}{
			{map[string]string{"TERM": "xterm"}, true, true},
			{map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, true, false},
			{map[string]string{"TERM": "xterm", "FORCE_COLOR": "1", "NO_COLOR": "1"}, true, false},
			{map[string]string{"TERM": "dumb"}, false, false},
			{map[string]string{"TERM": "dumb", "FORCE_COLOR": "1"}, false, true},
		} {
			p := process{stdout: far, env: func(name string) (string, bool) { value, ok := c.environ[name]; return value, ok }}
			want := display{out: far, width: columns, height: 24, terminal: c.terminal, colour: c.colour}
			if got := p.display(); got != want {
				t.Errorf("%d columns with %v: want %+v, got %+v", columns, c.environ, want, got)
			}
		}
	}
}

// TestProbeShowsItsProgress runs some probes at a terminal. The line about the progress is there while they run, and then erased.
func TestProbeShowsItsProgress(t *testing.T) {
	l := newLiveOf(t, sickTarget(t), "catalogue: [reach, auth-wall]\nprobes: [{name: broken, path: /broken/}]\n")
	x := startTerminal(t, filepath.Dir(l.file), 80, []string{"TERM=xterm"}, "probe", "--config", l.file)
	for _, want := range []string{"\r\x1b[K1 of 3 probes, ", "\r\x1b[K2 of 3 probes, ", "\r\x1b[K3 of 3 probes, 1 unexpected", "\r\x1b[K┌"} {
		x.expect(want)
	}
	if _, err := x.wait(); err == nil {
		t.Error("want exit status 1 for an unexpected result")
	}
	x = startTerminal(t, filepath.Dir(l.file), 80, []string{"TERM=xterm"}, "probe", "broken", "--config", l.file)
	if shown, _ := x.wait(); strings.Contains(shown, "of 1 probes") || !strings.Contains(shown, "down for repair") {
		t.Errorf("want no progress of a single probe, got\n%s", shown)
	}
	if _, printed := l.squarewatch("probe"); strings.Contains(printed, "of 3 probes") || strings.Contains(printed, "\x1b") {
		t.Errorf("want no progress without a terminal, got\n%s", printed)
	}
}
