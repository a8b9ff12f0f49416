package main

import (
	"bytes"
	"context"
	"fmt"
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

// live is a daemon on real sockets, with its file, for the commands that ask it.
type live struct {
	t    *testing.T
	file string
}

func newLive(t *testing.T) *live {
	t.Helper()
	target := aisquaretest.Start(aisquaretest.New(aisquaretest.Options{}))
	t.Cleanup(target.Close)
	l := &live{t: t, file: filepath.Join(t.TempDir(), "squarewatch.yaml")}
	write := func(listen string) {
		text := fmt.Sprintf("target: %s\nstate_dir: %s\ncatalogue: [reach]\nlisten: %s\n", target.URL, t.TempDir(), listen)
		if err := os.WriteFile(l.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("127.0.0.1:0")
	d, err := New(t.Context(), Options{
		Load:   func() (*config.Config, error) { return config.Load(l.file, config.Options{Kinds: kinds()}) },
		Logger: discardLogger(), Notify: func(string) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx, nil) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	write(d.Addr().String())
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

func (l *live) wants(status int, pattern string, args ...string) string {
	l.t.Helper()
	got, printed := l.squarewatch(args...)
	if got != status || !regexp.MustCompile(pattern).MatchString(printed) {
		l.t.Errorf("squarewatch %s: want status %d and %q, got %d and %s", strings.Join(args, " "), status, pattern, got, printed)
	}
	return printed
}

func TestCommandsAskTheDaemon(t *testing.T) {
	l := newLive(t)
	l.wants(exitGood, `Nothing is silenced`, "silence", "list")
	added := l.wants(exitGood, `Silence \w{8} mutes rule server-\* of probe reach until 20`, "silence", "add", "--rule", "server-*", "--probe", "reach", "--for", "2h", "--by", "me", "--comment", "why not")
	id := regexp.MustCompile(`Silence (\w+)`).FindStringSubmatch(added)[1]
	l.wants(exitGood, id+`.*me.*why not`, "silence", "list")
	l.wants(exitGood, `(?s)reach.*@every 30s.*server-errors.*inactive.*`+id, "status")
	l.wants(exitGood, `"rule": "server-errors"`, "status", "--json")
	l.wants(exitGood, `Silence `+id+` is over`, "silence", "remove", id)
	l.wants(exitBadNews, `remove silence "`+id+`": there is no such silence`, "silence", "remove", id)
	l.wants(exitUsage, `say how long: either --for 2h or --until`, "silence", "add")
	l.wants(exitUsage, `--until is "soon": write`, "silence", "add", "--until", "soon")
	l.wants(exitBadNews, `until is more than 30 days from now`, "silence", "add", "--for", "1000h")
}

func TestADaemonThatIsNotThereIsSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "squarewatch.yaml")
	if err := os.WriteFile(file, []byte("target: https://api.aisquare.studio\nlisten: 127.0.0.1:1\ncatalogue: [reach]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &live{t: t, file: file}
	l.wants(exitBadNews, `ask the daemon at http://127.0.0.1:1: .*is squarewatch running here, with this file\?`, "status")
}

func TestUntilIsATimeToCome(t *testing.T) {
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
