package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"squarewatch/config"
	"squarewatch/probe/aisquaretest"
)

// live is a daemon on real sockets, with its file. Tests run commands that send requests to it.
type live struct {
	t      testing.TB
	daemon *Daemon
	target string
	file   string
	state  string
	url    string
	log    lockedLog
}

// lockedLog is a log that may be read while it is written.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newLive(tb testing.TB) *live {
	tb.Helper()
	return newLiveWith(tb, "catalogue: [reach]\nweb: {token: top-secret, hosts: [watch.example.org]}\n")
}

// newLiveWith starts a daemon with these sections beside target, state_dir and listen.
func newLiveWith(tb testing.TB, sections string) *live {
	tb.Helper()
	target := aisquaretest.Start(aisquaretest.New(aisquaretest.Options{}))
	tb.Cleanup(target.Close)
	return newLiveOf(tb, target.URL, sections)
}

// newLiveOf starts a daemon that calls a target.
func newLiveOf(tb testing.TB, target, sections string) *live {
	tb.Helper()
	l := &live{t: tb, target: target, file: filepath.Join(tb.TempDir(), "squarewatch.yaml")}
	l.state = tb.TempDir()
	write := func(listen string) {
		text := fmt.Sprintf("target: %s\nstate_dir: %s\nlisten: %s\n%s", target, l.state, listen, sections)
		if err := os.WriteFile(l.file, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	write("127.0.0.1:0")
	d, err := New(tb.Context(), Options{
		Load: func() (*config.Config, error) {
			return config.Load(tb.Context(), l.file, config.Options{Kinds: kinds()})
		},
		Logger: slog.New(slog.NewTextHandler(&l.log, nil)), Notify: func(string) {},
	})
	if err != nil {
		tb.Fatal(err)
	}
	l.daemon = d
	ctx, cancel := context.WithCancel(tb.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx, nil) })
	tb.Cleanup(func() {
		cancel()
		running.Wait()
	})
	write(d.Addr().String())
	l.url = "http://" + d.Addr().String()
	return l
}

// squarewatch runs a command line and returns its exit status and what it printed.
func (l *live) squarewatch(args ...string) (status int, printed string) {
	var out bytes.Buffer
	status = run(l.t.Context(), process{
		args: append(args, "--config", l.file), env: func(string) (string, bool) { return "", false }, stdout: &out, stderr: &out,
	})
	return status, out.String()
}

// wants runs a command line and checks its exit status and its output. It returns the output.
func (l *live) wants(status int, pattern string, args ...string) string {
	l.t.Helper()
	got, printed := l.squarewatch(args...)
	if got != status || !regexp.MustCompile(pattern).MatchString(printed) {
		l.t.Errorf("squarewatch %s: want status %d and %q, got %d and %s", strings.Join(args, " "), status, pattern, got, printed)
	}
	return printed
}

// overSocket returns the HTTP client that the commands use.
func (l *live) overSocket() *http.Client {
	cfg, err := config.Load(l.t.Context(), l.file, config.Options{Kinds: kinds()})
	if err != nil {
		l.t.Fatal(err)
	}
	return newClient(cfg).http
}

// request sends a request to the daemon and returns the status and the body.
func (l *live) request(client *http.Client, method, path, body string, header http.Header) (status int, answer string) {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), method, l.url+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	req.Host = header.Get("Host")
	resp, err := client.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var text bytes.Buffer
	_, _ = text.ReadFrom(resp.Body)
	return resp.StatusCode, text.String()
}

func TestCommandsAndTheDaemon(t *testing.T) {
	l := newLive(t)
	l.wants(exitOK, `Nothing is silenced`, "silence", "list")
	added := l.wants(exitOK, `Silence \w{8} mutes rule server-\* of probe reach until 20`, "silence", "add", "--rule", "server-*", "--probe",
		"reach", "--for", "2h", "--by", "me", "--comment", "why not")
	id := regexp.MustCompile(`Silence (\w+)`).FindStringSubmatch(added)[1]
	l.wants(exitOK, id+`.*me.*why not`, "silence", "list")
	l.wants(exitOK, `(?s)reach.*@every 30s.*server-errors.*inactive.*`+id, "status", "--all")
	l.wants(exitOK, `"rule": "server-errors"`, "status", "--json")
	l.wants(exitOK, `Silence `+id+` is over`, "silence", "remove", id)
	l.wants(exitFailed, `remove silence "`+id+`": the silence does not exist`, "silence", "remove", id)
	l.wants(exitOK, `Silence \w{8} mutes everything until 20`, "silence", "add", "--all", "--for", "2d")
	l.wants(exitOK, `mutes series reach until`, "silence", "add", "--series", "reach", "--for", "1d12h")
	l.wants(exitUsage, `write how long: either --for 2h or --until`, "silence", "add")
	l.wants(exitUsage, `invalid argument "2" for "--for" flag: "2" is not a duration: .* 2h or 2d`, "silence", "add", "--all", "--for", "2")
	l.wants(exitUsage, `--until is "soon": write`, "silence", "add", "--until", "soon")
	l.wants(exitFailed, `until is more than 30 days from now`, "silence", "add", "--all", "--for", "1000h")
}

// TestSilenceRefusesMistakes checks that nothing is muted by mistake, and that a misspelt name is refused.
func TestSilenceRefusesMistakes(t *testing.T) {
	l := newLive(t)
	silence := func(status int, pattern string, args ...string) {
		t.Helper()
		l.wants(status, pattern, append([]string{"silence", "add", "--for", "2h"}, args...)...)
	}
	silence(exitUsage, `does not say what to mute: name rules, probes or series .*--all`)
	silence(exitUsage, `leave out one of the two`, "--all", "--rule", "server-errors")
	silence(exitFailed, `no rule matches "sever-errors"; did you mean "server-errors"\?`, "--rule", "sever-errors")
	silence(exitFailed, `no probe matches "nope"; there are reach`, "--probe", "nope")
	silence(exitFailed, `(?s)no rule matches "x\*".*no series matches "y\*"`, "--rule", "x*", "--series", "y*")
	silence(exitFailed, `mutes nothing: .*a rule per credential has no series for a single probe`, "--rule", "unauthenticated", "--probe",
		"reach")
	silence(exitFailed, `is not a pattern`, "--rule", "[")
	l.wants(exitOK, `Nothing is silenced`, "silence", "list")

	for body, want := range map[string]int{
		`{"until": "UNTIL"}`:                               http.StatusBadRequest,
		`{"until": "UNTIL", "all": true, "rules": ["a"]}`:  http.StatusBadRequest,
		`{"until": "UNTIL", "rules": ["sever-errors"]}`:    http.StatusUnprocessableEntity,
		`{"until": "UNTIL", "probes": ["nope"]}`:           http.StatusUnprocessableEntity,
		`{"until": "UNTIL", "all": true}`:                  http.StatusCreated,
		`{"until": "UNTIL", "rules": ["no-data", "acc*"]}`: http.StatusUnprocessableEntity, // no probe guards access
		`{"until": "UNTIL", "rules": ["no-data"]}`:         http.StatusCreated,
	} {
		body = strings.Replace(body, "UNTIL", time.Now().Add(time.Hour).Format(time.RFC3339), 1)
		if got, _ := l.request(l.overSocket(), http.MethodPost, "/api/v1/silences", body, nil); got != want {
			t.Errorf("%s: want %d, got %d", body, want, got)
		}
	}
}

func TestCommandsReportAMissingDaemon(t *testing.T) {
	file := filepath.Join(t.TempDir(), "squarewatch.yaml")
	if err := os.WriteFile(file, []byte("target: https://api.aisquare.studio\nlisten: 127.0.0.1:1\ncatalogue: [reach]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &live{t: t, file: file}
	l.wants(exitNoDaemon, `ask the daemon at http://127.0.0.1:1: .*check that squarewatch runs on this machine with this file`, "status")
}

func TestUntilIsInTheFuture(t *testing.T) {
	now := time.Date(2026, 10, 7, 18, 30, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"19:00": time.Date(2026, 10, 7, 19, 0, 0, 0, time.UTC), "18:00": time.Date(2026, 10, 8, 18, 0, 0, 0, time.UTC),
		"2026-10-09T01:02:03Z": time.Date(2026, 10, 9, 1, 2, 3, 0, time.UTC),
	} {
		if got, err := untilOf(0, text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: want %v, got %v, %v", text, want, got, err)
		}
	}
}
