package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// rewrite changes the text of the daemon's file.
func (l *live) rewrite(t *testing.T, change func(text string) string) {
	t.Helper()
	text, err := os.ReadFile(l.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.file, []byte(change(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reloadable writes the listen address with which the daemon started (127.0.0.1:0) back into its file, so that a reload sees no change of
// it. It returns the daemon for commands, with a copy of the file that has the port on which the daemon listens.
func (l *live) reloadable(t *testing.T) *live {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "other.yaml")
	l.rewrite(t, func(text string) string {
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return strings.Replace(text, strings.TrimPrefix(l.url, "http://"), "127.0.0.1:0", 1)
	})
	return &live{t: t, file: copied}
}

func TestTheCallerOfAReloadLearnsItsOutcome(t *testing.T) {
	l := newLive(t)
	l.wants(exitFailed, `the old configuration stays in force: listen changed from 127.0.0.1:0 to `, "reload")
	l.rewrite(t, func(text string) string { return text + "catalog: [reach]\n" })
	l.wants(exitFailed, `squarewatch: the old configuration stays in force: .*unknown key "catalog": did you mean "catalogue"\?`, "reload")
	l.rewrite(t, func(string) string { return "target: [\n" })
	l.wants(exitFailed, `squarewatch: the file was not reloaded: .*is not YAML`, "reload")
}

// TestAReloadSaysWhatTheDaemonRead gives the command another file than the daemon has, with the same listen and state_dir.
func TestAReloadSaysWhatTheDaemonRead(t *testing.T) {
	l := newLive(t)
	own, client := l.file, l.reloadable(t)
	other := client.file
	text, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	client.wants(exitOK, fmt.Sprintf(`^The configuration of %s is in force, `+
		`read on \d{4}-\d\d-\d\d at \d\d:\d\d:\d\d \(SHA-256 %.12s…\)\.\n`+
		`%s, which this command was given, has another content\.\n$`, regexp.QuoteMeta(own),
		fmt.Sprintf("%x", sha256.Sum256(text)), regexp.QuoteMeta(other)), "reload")
}

// TestAskingTheDaemonNeedsNoSecret uses a file with secrets that this user cannot read, and with an unknown key.
func TestAskingTheDaemonNeedsNoSecret(t *testing.T) {
	l := newLive(t)
	l.rewrite(t, func(text string) string {
		return text + "api_token: \"${credential:token}\"\ncredentials: {partner: {api_key: \"${credential:key}\"}}\nnonsense: 1\n"
	})
	l.wants(exitOK, `reach.*@every 30s`, "status", "--all")
	l.wants(exitOK, `Silence \w{8} mutes everything until 20`, "silence", "add", "--all", "--for", "2h")
	l.wants(exitOK, `everything`, "silence", "list")
}

func TestCommandsWithoutADaemonHaveTheirOwnExitStatus(t *testing.T) {
	file := filepath.Join(t.TempDir(), "squarewatch.yaml")
	if err := os.WriteFile(file, []byte("listen: 127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &live{t: t, file: file}
	for _, args := range [][]string{{"status"}, {"silence", "list"}, {"reload"}} {
		l.wants(exitNoDaemon, `check that squarewatch runs on this machine with this file`, args...)
	}
}

// TestAStartWithAWrongFileHasItsOwnExitStatus checks the status that tells a service manager not to try again.
func TestAStartWithAWrongFileHasItsOwnExitStatus(t *testing.T) {
	file := filepath.Join(t.TempDir(), "squarewatch.yaml")
	l := &live{t: t, file: file}
	l.wants(exitConfig, `there is no configuration file`, "run")
	for text, want := range map[string]string{
		"target: nonsense\n": `is "nonsense"; write the API's address`,
		"target: https://api.aisquare.studio\ncredentials: {a: {api_key: \"${credential:key}\"}}\n": `no directory .*/credentials: create it`,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l.wants(exitConfig, want, "run")
		l.wants(exitFailed, want, "check")
	}
	busy := newLive(t)
	text := "target: https://api.aisquare.studio\ncatalogue: [reach]\nstate_dir: none\nlisten: " +
		strings.TrimPrefix(busy.url, "http://") + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l.wants(exitFailed, `address already in use`, "run") // the port may be free at the next start
}

func TestFatalErrorsHaveTheirPriorityInTheJournal(t *testing.T) {
	var out bytes.Buffer
	status := run(t.Context(), process{
		args: []string{"run", "--config", "/nonexistent.yaml"}, env: func(string) (string, bool) { return "", false },
		stdout: &out, stderr: &out, isJournal: true,
	})
	if status != exitConfig || !strings.HasPrefix(out.String(), "<3>squarewatch: there is no configuration file /nonexistent.yaml") {
		t.Errorf("want status %d and priority err, got %d and %s", exitConfig, status, out.String())
	}
}
