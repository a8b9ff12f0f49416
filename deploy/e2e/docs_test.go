//go:build e2e

package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"
)

// firstIncident is a reader of docs/first-incident.md, who has a stand-in for the API and one for Slack.
type firstIncident struct {
	t     *testing.T
	shell func(script string) *exec.Cmd // runs a script in the home of the reader, with the secrets KEY and HOOK in its environment
	at    string                        // the command that leads to the directory where the reader is; empty for the home
	began time.Time
	slack *slackstub.Server
	demo  *output
	clean string // the command of the page that removes what the reader made
}

// TestTheFirstIncidentOfTheDocs does what docs/first-incident.md says, from the file to RESOLVED. The demo runs beside it.
func TestTheFirstIncidentOfTheDocs(t *testing.T) {
	slack := slackstub.New()
	t.Cleanup(slack.Close)
	target := aisquaretest.Start(aisquaretest.New(aisquaretest.Options{}))
	t.Cleanup(target.Close)
	directory := t.TempDir()
	env := append(os.Environ(), "HOME="+directory,
		"PATH="+filepath.Dir(binary(t))+":"+os.Getenv("PATH"), "KEY="+aisquaretest.DefaultKey, "HOOK="+slack.Webhook())
	r := &firstIncident{t: t, slack: slack, began: time.Now(), shell: func(script string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", script)
		cmd.Dir, cmd.Env = directory, env
		return cmd
	}}
	r.follow(target.URL, freePort(t), "")
	r.leave()
}

// follow does what the page says, with the answers to the questions of init as flags. The port is that of the daemon's page.
func (r *firstIncident) follow(target, port, more string) {
	r.t.Helper()
	page, err := os.ReadFile("../../docs/first-incident.md")
	if err != nil {
		r.t.Fatal(err)
	}
	text := strings.NewReplacer(
		"go build -o squarewatch ./cmd/squarewatch\n", "", "PATH=$PWD:$PATH\n", "",
		"init --config squarewatch.yaml", "init --config squarewatch.yaml --target "+target+" --studio "+aisquaretest.DefaultStudio+
			" --api-key env:KEY --slack-webhook env:HOOK "+more,
		"catalogue: none\n", "catalogue: none\nlisten: 127.0.0.1:"+port+"\n", "docker stop jaeger\n", "",
	).Replace(string(page))
	for _, block := range strings.Split(text, "```sh\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		switch {
		case strings.HasPrefix(block, "docker "):
		case strings.HasPrefix(block, "squarewatch demo"):
			r.demo = r.start(block)
		case strings.Contains(block, "squarewatch run"):
			written, daemon, _ := strings.Cut(block, "squarewatch run")
			r.run(written, 0)
			r.start("squarewatch run" + daemon)
			r.receives("FIRING")
		case strings.HasPrefix(block, "rm "):
			r.clean = block
		case strings.Contains(block, "squarewatch status"):
			r.run(block, 1)
		default:
			r.run(block, 0)
		}
		if strings.Contains(block, "cd ~/drill\n") {
			r.at = "cd ~/drill; "
		}
	}
	r.receives("RESOLVED")
	eventually(r.t, 2*time.Minute, "the demo has shown its first incident", func() bool {
		return r.demo != nil && strings.Contains(r.demo.String(), "FIRING")
	})
}

// leave stops the daemon, as Ctrl-C does, and runs the page's command that removes everything. No visible file may remain.
func (r *firstIncident) leave() {
	r.t.Helper()
	r.run("kill -INT $(cat .pid); while grep -q '^State:.[^Z]' /proc/$(cat .pid)/status 2>/dev/null; do sleep 0.1; done", 0)
	r.run(r.clean, 0)
	if left, err := r.shell("ls").CombinedOutput(); err != nil || len(left) > 0 {
		r.t.Errorf("want nothing left, got %q, %v", left, err)
	}
}

// log writes a line of the transcript, with the time since the reader began.
func (r *firstIncident) log(text string) {
	r.t.Logf("%3.0f s  %s", time.Since(r.began).Seconds(), text)
}

// run runs a block of commands, the last of which ends with a status.
func (r *firstIncident) run(block string, status int) {
	r.t.Helper()
	r.log("$ " + strings.TrimSpace(block))
	cmd := r.shell(r.at + block)
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != status {
		r.t.Fatalf("%s: want status %d, got %d (%v)\n%s", block, status, got, err, out)
	}
	r.log(string(out))
}

// start starts a command in the background, and writes its process ID into .pid. The daemon is started last.
func (r *firstIncident) start(command string) *output {
	r.t.Helper()
	r.log("$ " + strings.TrimSpace(command) + " &")
	return start(r.t, r.shell(r.at+"echo $$ >.pid; exec "+command))
}

// receives waits until Slack has a message with a word in it.
func (r *firstIncident) receives(word string) {
	r.t.Helper()
	eventually(r.t, 30*time.Second, "Slack has a message with "+word, func() bool { return r.message(word).Text != "" })
	r.log("Slack: " + r.message(word).Text)
}

// message returns the first message about the drill with a word in it.
func (r *firstIncident) message(word string) slackstub.Message {
	for _, m := range r.slack.Messages() {
		if strings.Contains(m.Text, word+" drill") {
			return m
		}
	}
	return slackstub.Message{}
}
