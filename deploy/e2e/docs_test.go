//go:build e2e

package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"
)

// firstIncident is a reader of docs/first-incident.md, who has a stand-in for the API and one for Slack.
type firstIncident struct {
	t     *testing.T
	dir   string
	env   []string
	slack *slackstub.Server
}

// TestTheFirstIncidentOfTheDocs does what docs/first-incident.md says, from the file to RESOLVED. The demo runs beside it.
func TestTheFirstIncidentOfTheDocs(t *testing.T) {
	slack := slackstub.New()
	t.Cleanup(slack.Close)
	target := aisquaretest.Start(aisquaretest.New(aisquaretest.Options{}))
	t.Cleanup(target.Close)
	r := &firstIncident{t: t, dir: t.TempDir(), slack: slack, env: append(os.Environ(),
		"PATH="+filepath.Dir(binary(t))+":"+os.Getenv("PATH"), "KEY="+aisquaretest.DefaultKey, "HOOK="+slack.Webhook())}
	page, err := os.ReadFile("../../docs/first-incident.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(
		"go build -o squarewatch ./cmd/squarewatch\n", "", "PATH=$PWD:$PATH\n", "",
		"init --config squarewatch.yaml", "init --config squarewatch.yaml --target "+target.URL+" --studio "+aisquaretest.DefaultStudio+
			" --api-key env:KEY --slack-webhook env:HOOK",
		"catalogue: all\n", "catalogue: all\nlisten: 127.0.0.1:"+freePort(t)+"\n",
	).Replace(string(page))
	var demo *output
	begin := time.Now()
	for _, block := range strings.Split(text, "```sh\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		switch {
		case strings.HasPrefix(block, "docker "):
		case strings.HasPrefix(block, "squarewatch demo"):
			demo = r.start(block)
		case strings.Contains(block, "squarewatch run"):
			written, daemon, _ := strings.Cut(block, "squarewatch run")
			r.run(written, 0)
			r.start("squarewatch run" + daemon)
			r.receives("FIRING")
		case strings.HasPrefix(block, "squarewatch status"):
			r.run(block, 1)
		default:
			r.run(block, 0)
		}
	}
	r.receives("RESOLVED")
	t.Logf("from the first command to RESOLVED: %v", time.Since(begin).Round(time.Second))
	eventually(t, 2*time.Minute, "the demo has shown its first incident", func() bool {
		return demo != nil && strings.Contains(demo.String(), "FIRING")
	})
}

// run runs a block of commands, the last of which ends with a status.
func (r *firstIncident) run(block string, status int) {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "sh", "-e", "-c", block)
	cmd.Dir, cmd.Env = r.dir, r.env
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != status {
		r.t.Fatalf("%s: want status %d, got %d (%v)\n%s", block, status, got, err, out)
	}
}

// start starts a command that goes on until the test ends.
func (r *firstIncident) start(command string) *output {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "sh", "-c", "exec "+command)
	cmd.Dir, cmd.Env = r.dir, r.env
	return start(r.t, cmd)
}

// receives waits until Slack has a message with a word in it.
func (r *firstIncident) receives(word string) {
	r.t.Helper()
	eventually(r.t, 30*time.Second, "Slack has a message with "+word, func() bool {
		return slices.ContainsFunc(r.slack.Messages(), func(m slackstub.Message) bool { return strings.Contains(m.Text, word+" drill") })
	})
}
