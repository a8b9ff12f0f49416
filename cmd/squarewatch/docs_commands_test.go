package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"
)

// elsewhere is a command of the docs that this test does not run.
type elsewhere struct {
	command string // its beginning
	why     string
	test    string // the test that runs it; empty if no test can
}

// commandsElsewhere lists the commands that need root, a whole machine, a terminal or the network.
func commandsElsewhere() []elsewhere {
	const service, debian, incident = "TestTheServiceOnARealSystemd", "TestThePackageOnDebian", "TestTheFirstIncidentOfTheDocs"
	const network = "it fetches an image from a registry"
	return []elsewhere{
		{"apt-get install", "it takes root", debian},
		{"dnf install", "there is no dnf in Debian", "TestThePackagesAreReproducible"},
		{"squarewatch copy /root/", "it takes root", debian},
		{"tar ", "it takes root", debian},
		{"umask 077", "it is for the shell of the reader", debian},
		{"rm -f /root/squarewatch.db", "it takes root", debian},
		{"rm -rf /var/lib/private/squarewatch", "it takes root", debian},
		{"docker compose", network, "TestTheContainer"},
		{"go run -v ./cmd/squarewatch demo", "it takes a minute", incident},
		{"go build -o squarewatch", "it compiles the program, as the test binary was", incident},
		{"PATH=", "it is for the shell of the reader", incident},
		{"squarewatch demo", "it takes a minute", incident},
		{"make test", "it runs this test", ""},
		{"make bench", "it measures, for a minute or more", "TestSweep"},
		{"make build", "it compiles the program with the same flags", service},
		{"install -D -m 644 -t /", "it takes root", "TestTheProvisioningOfGrafana"},
		{"install ", "it takes root", service},
		{"systemctl ", "it takes root and systemd", service},
		{"rm -rf /usr/bin/squarewatch", "it takes root", service},
		{"squarewatch init --config squarewatch.yaml\n", "it asks at a terminal: testdata/script/init.txtar", "TestScripts"},
		{"squarewatch init --config /etc/squarewatch/squarewatch.yaml\n", "the same", "TestScripts"},
		{"cat squarewatch.yaml - > drill.yaml", "it needs a daemon of its own", incident},
		{"squarewatch run --config drill.yaml", "the same", incident},
		{"squarewatch status --config drill.yaml", "the same", incident},
		{"sed -i", "the same", incident},
		{"squarewatch reload --config drill.yaml", "the same", incident},
		{"squarewatch reload\n", "the daemon of this test has a port that no file names, so it refuses a reload", incident},
		{"mkdir ~/drill", "it is for the directory of the reader", incident},
		{"cd ~/drill", "the same", incident},
		{"rm -r ~/drill", "the same", incident},
		{"ssh -N -L", "it needs another machine", ""},
		{"journalctl -u squarewatch", "it takes systemd", service},
		{"docker run", network, ""},
		{"docker stop", network, ""},
		{"jaeger --config", "the release comes from the network; deploy/jaeger/run.sh runs the file", "TestNoTraceIsLostToAnOutage"},
		{"promtool check rules", "promtool is not part of Go", "TestPromtoolTakesTheRules"},
	}
}

// TestEveryCommandOfTheDocsWorks runs each command of the README and of docs against a daemon with its stand-ins, except for those that are
// listed with the test that runs them.
func TestEveryCommandOfTheDocsWorks(t *testing.T) {
	host, names, ran := newDocsHost(t), testNames(t), 0
	for path, text := range docPages(t) {
		for _, block := range docBlocks(text, "sh") {
			for _, command := range shellCommands(block) {
				if listed, found := runsElsewhere(command); found {
					if listed.test != "" && !names[listed.test] {
						t.Errorf("%s: there is no test %s, which runs %s", path, listed.test, command)
					}
					continue
				}
				ran++
				if out, err := host.run(t.Context(), command); err != nil {
					t.Errorf("%s: %s: %v\n%s", path, command, err, out)
				}
			}
		}
	}
	if ran < 10 {
		t.Errorf("want the commands of all pages, ran %d", ran)
	}
}

func runsElsewhere(command string) (elsewhere, bool) {
	for _, listed := range commandsElsewhere() {
		if strings.HasPrefix(command+"\n", listed.command) {
			return listed, true
		}
	}
	return elsewhere{}, false
}

// shellCommands returns the commands of a block, without sudo. A command with a here-document includes all lines of it.
func shellCommands(block string) []string {
	var commands []string
	inside := false
	for line := range strings.SplitSeq(strings.TrimSpace(block), "\n") {
		if inside {
			commands[len(commands)-1] += "\n" + line
			inside = line != "EOF"
			continue
		}
		commands = append(commands, strings.TrimPrefix(line, "sudo "))
		inside = strings.Contains(line, "<<'EOF'")
	}
	return commands
}

// docsHost is the machine that the docs assume: a daemon with its file and its secrets, in directories of its own.
type docsHost struct {
	daemon *live
	root   string
	env    []string
}

func newDocsHost(t *testing.T) *docsHost {
	t.Helper()
	slack := slackstub.New()
	t.Cleanup(slack.Close)
	h := &docsHost{root: t.TempDir()}
	secrets := map[string]string{
		"etc/squarewatch/credentials/aisquare-api-key": aisquaretest.DefaultKey,
		"etc/squarewatch/credentials/slack-webhook":    slack.Webhook(),
		"run/secrets/slack":                            slack.Webhook(),
	}
	for path, secret := range secrets {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(h.root, path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(h.root, path), []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(h.root, "etc/prometheus/rules"), 0o700); err != nil {
		t.Fatal(err)
	}
	credentials := filepath.Join(h.root, "etc/squarewatch/credentials")
	h.daemon = newLiveWith(t, fmt.Sprintf("studio: %s\ncredentials: {partner: {api_key: \"${file:%s/aisquare-api-key}\"}}\n"+
		"notifiers: {ops: {slack: {webhook_url: \"${file:%s/slack-webhook}\"}}}\n", aisquaretest.DefaultStudio, credentials, credentials))
	h.env = append(os.Environ(), "SQUAREWATCH_CONFIG="+h.daemon.file, "AISQUARE_API_KEY="+aisquaretest.DefaultKey)
	return h
}

// run runs a command of a reader. The paths of a machine become those of the host, and init asks the stand-in.
func (h *docsHost) run(ctx context.Context, command string) (string, error) {
	directory, err := os.MkdirTemp(h.root, "reader")
	if err != nil {
		return "", err
	}
	command = strings.NewReplacer(
		"/var/backups", directory,
		"/etc/", h.root+"/etc/", "/run/secrets/", h.root+"/run/secrets/",
		"squarewatch init", "squarewatch init --target "+h.daemon.target,
	).Replace(command)
	if strings.Contains(command, "--config squarewatch.yaml") && !strings.Contains(command, " init ") {
		command = strings.ReplaceAll(command, "--config squarewatch.yaml", "--config "+h.daemon.file)
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir, cmd.Env = directory, h.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}
