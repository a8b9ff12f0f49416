package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"
	"unicode/utf8"

	"squarewatch/config"
)

// checkPrinted checks that a terminal may show what a command printed: lines without characters that control the terminal, change the
// direction of writing or cannot be seen.
func checkPrinted(t *testing.T, text string, limit int) {
	t.Helper()
	if !utf8.ValidString(text) || len(text) > limit {
		t.Errorf("want at most %d bytes of UTF-8, got %d: %.300q", limit, len(text), text)
	}
	for _, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp)) {
			t.Fatalf("%q is in %.300q", r, text)
		}
	}
}

// foreignAnswer is what a program on the daemon's port answers to every request.
type foreignAnswer struct {
	status int
	body   []byte
}

// FuzzAnswerOfTheDaemon runs the commands that ask the daemon while any other program listens on its port. They print lines that a
// terminal may show, and end with one of their statuses.
func FuzzAnswerOfTheDaemon(f *testing.F) {
	commands := [][]string{
		{"status"},
		{"status", "--all"},
		{"status", "--json"},
		{"silence", "list"},
		{"silence", "list", "--json"},
		{"silence", "add", "--all", "--for", "1h"},
		{"silence", "remove", "x"},
		{"acknowledge", "x"},
		{"reload"},
		{"health"},
	}
	status, err := os.ReadFile("testdata/json/status.golden")
	if err != nil {
		f.Fatal(err)
	}
	for i := range commands {
		f.Add(uint8(i), 200, "80", status)
	}
	for i, seed := range []string{
		`{"alerts": [{"rule": "r\u001b[31m", "state": "firing", "since": "0001-01-01T00:00:00Z", "evidence": [{"text": "\u202e"}]}]}`,
		`{"probes": [{"probe": "\u009b31m", "runs": 1, "code": -1}], "notifiers": [{"notifier": "a\nb", "pending": 1, "oldest_age": 1e300}]}`,
		`{"silences": [{"id": "\u0007", "rules": ["x"], "until": "9999-12-31T23:59:59Z"}], "suspects": [{"Name": "\r"}], "traces": {}}`,
		`{"error": "\u001b]0;PWN\u0007"}`, "\x1b[2J", `[{"id": "\ud800", "comment": "` + strings.Repeat("x ", 300) + `"}]`,
		`{"file": "\u001b", "sha256": "é", "incident": "\u202e"}`,
	} {
		for command := range commands {
			f.Add(uint8(command), 200+200*(i%2), "40", []byte(seed))
		}
	}
	f.Add(uint8(0), 500, "80", []byte(`{"error": "`+strings.Repeat("x", 200_000)+`"}`))
	var answer atomic.Pointer[foreignAnswer]
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(answer.Load().status)
		_, _ = w.Write(answer.Load().body)
	}))
	f.Cleanup(other.Close)
	file := filepath.Join(f.TempDir(), "squarewatch.yaml")
	text := "target: https://api.example.org\nstate_dir: none\nlisten: " + strings.TrimPrefix(other.URL, "http://") + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, command uint8, status int, columns string, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		answer.Store(&foreignAnswer{status, body})
		var out bytes.Buffer
		got := run(t.Context(), process{
			args: append(slices.Clone(commands[int(command)%len(commands)]), "--config", file), stdout: &out, stderr: &out,
			env: func(name string) (string, bool) { return columns, name == "COLUMNS" },
		})
		if !slices.Contains([]int{exitOK, exitFailed, exitNoDaemon}, got) {
			t.Errorf("exit status %d", got)
		}
		limit := 100_000 + 100*len(body)
		if status >= http.StatusBadRequest {
			limit = 100_000
		}
		checkPrinted(t, out.String(), limit)
	})
}

// FuzzBacktest runs a backtest of results that a person names with --from. Its report may be shown at a terminal, and counts no run that
// was not there.
func FuzzBacktest(f *testing.F) {
	f.Add([]byte(`{"probe": "feed", "at": "2026-01-01T00:00:00Z", "code": 500}` + "\n" +
		`{"probe": "feed", "at": "2026-01-01T00:01:00Z", "class": "timeout", "blame": "network", "excerpt": "\u001b[31m"}`))
	f.Add([]byte(`{"probe": "\u001b]0;PWN\u0007", "at": "0001-01-01T00:00:01Z", "code": 200}` + "\n\n" +
		`{"probe": "feed", "at": "9999-12-31T23:59:59Z", "code": 1}` + "\n" + `{"probe": "feed", "at": "2026-01-01T00:00:00Z", "code": 500}`))
	f.Add([]byte(`{"probe": "feed", "at": "2026-01-01T00:00:00Z", "code": 500, "trace_id": "00000000000000000000000000000001"}`))
	f.Add([]byte("{\n\xff"))
	cfg, err := config.Parse("f.yaml", []byte(sceneFile), config.Options{Kinds: kinds()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, results []byte) {
		if len(results) > 10_000 {
			return
		}
		report, err := backtest(cfg, source{runs: readResults(bytes.NewReader(results))})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("want an error that names its line, got %v", err)
			}
			return
		}
		if lines := bytes.Count(results, []byte("\n")) + 1; report.runs > lines {
			t.Errorf("%d runs of %d lines", report.runs, lines)
		}
		for _, asJSON := range []bool{false, true} {
			var out bytes.Buffer
			if err := report.write(display{out: &out, width: 80}, asJSON); err != nil {
				t.Error(err)
			}
			checkPrinted(t, out.String(), 200_000+50*len(results))
		}
	})
}
