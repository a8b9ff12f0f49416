//go:build e2e

package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"
)

// service is squarewatch installed in a machine, with what it watches and notifies.
type service struct {
	*machine

	api    *aisquaretest.API
	slack  *slackstub.Server
	disk   string // a disk of the machine, as seen from here
	target string
	listen string
	dead   string       // address of the dead man's switch
	pings  atomic.Int64 // that it got
}

const (
	serviceUnit = "squarewatch.service"
	serviceFile = "/etc/squarewatch/squarewatch.yaml"
	secretsDir  = "/etc/squarewatch/credentials/"
)

// newService boots a machine with the service, as the README installs it. It is not started.
func newService(t *testing.T) *service {
	t.Helper()
	disk := mountLoop(t, 32)
	s := newStage(t, "--bind="+disk+":"+diskInMachine)
	s.disk = disk
	s.install()
	s.write(serviceFile, s.config(s.listen), 0o644)
	s.configure()
	return s
}

// newStage boots a machine in which squarewatch is not yet installed, and starts what it will watch and notify.
func newStage(t *testing.T, options ...string) *service {
	t.Helper()
	s := &service{machine: bootMachine(t, options...), api: aisquaretest.New(aisquaretest.Options{}), slack: slackstub.New()}
	t.Cleanup(s.slack.Close)
	server := aisquaretest.Start(s.api)
	t.Cleanup(server.Close)
	deadman := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { s.pings.Add(1) }))
	t.Cleanup(deadman.Close)
	s.dead = deadman.URL
	s.target, s.listen = server.URL, "127.0.0.1:"+freePort(t)
	return s
}

// configure writes the secrets, and allows the port of the test.
func (s *service) configure() {
	s.t.Helper()
	s.write(secretsDir+"aisquare-api-key", aisquaretest.DefaultKey+"\n", 0o600)
	s.write(secretsDir+"slack-webhook", s.slack.Webhook()+"\n", 0o600)
	_, port, _ := strings.Cut(s.listen, ":")
	s.write("/etc/systemd/system/squarewatch.service.d/port.conf", "[Service]\nSocketBindAllow=\nSocketBindAllow=tcp:"+port+"\n", 0o644)
	s.run("systemctl", "daemon-reload")
}

func (s *service) config(listen string) string {
	return `
target: ` + s.target + `
studio: ai-research-studio
catalogue: [reach, collections]
credentials:
  partner: {api_key: "${credential:aisquare-api-key}"}
notifiers:
  ops: {slack: {webhook_url: "${credential:slack-webhook}"}, group_wait: 0s}
defaults: {schedule: "@every 1s"}
rules:
  - {name: server-errors, on: [5xx], window: 10s, threshold: 30%, clear: 10%, min_runs: 3, reopen: -1s}
  - {name: unauthenticated, on: [401], per: credential, window: 10s, threshold: 30%, clear: 10%, min_runs: 3, reopen: -1s}
heartbeat: {url: "` + s.dead + `/ping", schedule: "@every 5s"}
listen: ` + listen + "\n"
}

func (s *service) status() string {
	out, _ := s.try("systemctl", "status", "--no-pager", "--full", "--lines=0", serviceUnit)
	return out
}

// messages returns how many messages begin with a word.
func (s *service) messages(word string) int {
	n := 0
	for _, m := range s.slack.Messages() {
		if strings.HasPrefix(m.Text, word) {
			n++
		}
	}
	return n
}

func (s *service) shows(what string) {
	s.t.Helper()
	eventually(s.t, 30*time.Second, "systemctl status shows "+what, func() bool { return strings.Contains(s.status(), what) })
}

// TestTheServiceOnARealSystemd takes one machine through what happens to a service in its life.
func TestTheServiceOnARealSystemd(t *testing.T) {
	s := newService(t)
	s.run("systemctl", "start", serviceUnit)
	if got := s.status(); !regexp.MustCompile(`Status: "2 probes, 0 firing, 0 waiting; configuration of \d\d:\d\d"`).MatchString(got) {
		t.Errorf("want a STATUS line, got\n%s", got)
	}
	eventually(t, 30*time.Second, "heartbeats", func() bool { return s.pings.Load() >= 2 })
	t.Log(lastLine(s.run("systemd-analyze", "security", "--no-pager", serviceUnit)))
	s.incident()
	s.reload()
	s.restarts()
	s.onDisk()
	s.rotate()
	s.second()
	s.template()
	s.badStart()
	s.purge()
	if log := s.journal("debug"); strings.Contains(log, aisquaretest.DefaultKey) || strings.Contains(log, s.slack.Webhook()) {
		t.Error("a secret is in the journal")
	}
}

// incident fires and is over: in Slack, in the STATUS line and with its priority in the journal.
func (s *service) incident() {
	s.t.Helper()
	s.api.SetFault("*", aisquaretest.Fault{Status: 500})
	eventually(s.t, 30*time.Second, "FIRING in Slack", func() bool { return s.messages("FIRING") > 0 })
	s.shows(" firing (server-errors ")
	s.journalShows("err", "an alert changed", "event=firing")
	if _, status := s.try("squarewatch", "status"); status != 1 {
		s.t.Errorf("squarewatch status while something fires: want 1, got %d", status)
	}
	s.api.ClearFaults()
	eventually(s.t, 60*time.Second, "RESOLVED in Slack", func() bool { return s.messages("RESOLVED") == s.messages("FIRING") })
	s.shows("2 probes, 0 firing, 0 waiting")
}

// reload succeeds and fails, and its caller learns it.
func (s *service) reload() {
	s.t.Helper()
	s.run("systemctl", "reload", serviceUnit)
	s.write(serviceFile, s.config(s.listen)+"nonsense: 1\n", 0o644)
	if out, status := s.try("systemctl", "reload", serviceUnit); status == 0 {
		s.t.Errorf("systemctl reload of a bad file: want a failure, got 0 and %s", out)
	}
	s.journalShows("err", "the old configuration stays in force: /etc/squarewatch/squarewatch.yaml:")
	s.shows(`the file differs: the last reload was refused: /etc/squarewatch/squarewatch.yaml:`)
	if got := s.property("ActiveState"); got != "active" {
		s.t.Errorf("after a bad reload: want active, got %s", got)
	}
	s.write(serviceFile, s.config(s.listen)+"support: help@example.org\n", 0o644)
	s.run("systemctl", "reload", serviceUnit)
	if strings.Contains(s.status(), "the file differs") {
		s.t.Errorf("after a good reload: %s", s.status())
	}
}

// restarts kills the daemon amid an incident, and then stops it so that only the watchdog can help.
func (s *service) restarts() {
	s.t.Helper()
	s.api.SetFault("/api/v1/collections/", aisquaretest.Fault{Status: 500})
	before := s.messages("FIRING")
	eventually(s.t, 30*time.Second, "FIRING in Slack", func() bool { return s.messages("FIRING") == before+1 })
	s.run("systemctl", "kill", "--signal=KILL", serviceUnit)
	eventually(s.t, 30*time.Second, "a restart after kill -9", func() bool { return s.property("NRestarts") == "1" && s.ready() })
	s.shows("1 firing (server-errors collections")
	s.api.ClearFaults()
	resolved := s.messages("RESOLVED")
	eventually(s.t, 60*time.Second, "RESOLVED in Slack", func() bool { return s.messages("RESOLVED") > resolved })
	if got := s.messages("FIRING"); got != before+1 {
		s.t.Errorf("want FIRING once over kill -9, got %d", got-before)
	}

	s.write("/etc/systemd/system/squarewatch.service.d/watchdog.conf", "[Service]\nWatchdogSec=3s\n", 0o644)
	s.run("systemctl", "daemon-reload")
	s.run("systemctl", "restart", serviceUnit)
	s.run("systemctl", "kill", "--signal=STOP", serviceUnit)
	eventually(s.t, 40*time.Second, "a restart by the watchdog", func() bool { return s.property("NRestarts") == "1" && s.ready() })
	s.journalShows("debug", "Watchdog timeout")
	if log := s.journal("debug"); strings.Count(log, "goroutine ") > 10 {
		s.t.Errorf("want no long dump, got %d bytes", len(log))
	}
}

func (s *service) ready() bool {
	status, _, err := get(s.t.Context(), "http://"+s.listen+"/-/ready")
	return err == nil && status == http.StatusOK
}

// rotate replaces the key; the old one is refused.
func (s *service) rotate() {
	s.t.Helper()
	s.api.AddKey("partner", "aisq-rotated-key")
	s.write(secretsDir+"aisquare-api-key", "aisq-rotated-key\n", 0o600)
	s.run("systemctl", "restart", serviceUnit)
	s.api.Revoke(aisquaretest.DefaultKey)
	before := scrape(s.t, s.listen, "squarewatch_probe_runs_total", map[string]string{"probe": "collections", "code": "200"})
	eventually(s.t, 20*time.Second, "runs with the new key succeed", func() bool {
		return scrape(s.t, s.listen, "squarewatch_probe_runs_total", map[string]string{"probe": "collections", "code": "200"}) >= before+3
	})
}

// second starts another daemon with the same file, as a person at a terminal might.
func (s *service) second() {
	s.t.Helper()
	out, status := s.try("squarewatch", "run")
	if status != 1 || !strings.Contains(out, "address already in use") {
		s.t.Errorf("a second daemon with the same file: want a refusal, got %d and %s", status, out)
	}
}

// template runs an instance beside the service, with its own file, secrets and state. It may reach this machine only, as docs/security.md
// recommends where everything else is reached through a proxy.
func (s *service) template() {
	s.t.Helper()
	listen := "127.0.0.1:" + freePort(s.t)
	_, port, _ := strings.Cut(listen, ":")
	s.write("/etc/systemd/system/squarewatch@.service.d/port.conf",
		"[Service]\nSocketBindAllow=\nSocketBindAllow=tcp:"+port+"\nIPAddressDeny=any\nIPAddressAllow=localhost\n", 0o644)
	s.write("/etc/squarewatch/prod/squarewatch.yaml", s.config(listen), 0o644)
	s.write("/etc/squarewatch/prod/credentials/aisquare-api-key", "aisq-rotated-key\n", 0o600)
	s.write("/etc/squarewatch/prod/credentials/slack-webhook", s.slack.Webhook()+"\n", 0o600)
	s.run("systemctl", "daemon-reload")
	s.run("systemctl", "start", "squarewatch@prod")
	s.run("systemctl", "reload", "squarewatch@prod")
	exposure := lastLine(s.run("systemd-analyze", "security", "--no-pager", "squarewatch@prod.service"))
	if s.t.Log(exposure); !strings.Contains(exposure, ": 0.9 ") {
		s.t.Errorf("want an exposure of 0.9, got %s", exposure)
	}
	eventually(s.t, 20*time.Second, "the instance probes", func() bool {
		return scrape(s.t, listen, "squarewatch_probe_runs_total", map[string]string{"probe": "collections", "code": "200"}) >= 2
	})
	for _, path := range []string{"/var/lib/private/squarewatch/squarewatch.db", "/var/lib/private/squarewatch-prod/squarewatch.db"} {
		if _, err := os.Stat(s.path(path)); err != nil {
			s.t.Errorf("want a state of its own for each instance: %v", err)
		}
	}
	s.run("systemctl", "stop", "squarewatch@prod")
}

// badStart takes away a secret, and the directory of the secrets. Neither is started again and again.
func (s *service) badStart() {
	s.t.Helper()
	if err := os.Remove(s.path(secretsDir + "slack-webhook")); err != nil {
		s.t.Fatal(err)
	}
	if _, status := s.try("systemctl", "restart", serviceUnit); status == 0 {
		s.t.Error("want a start without its secret to fail")
	}
	if state, code := s.property("ActiveState"), s.property("ExecMainStatus"); state != "failed" || code != "78" {
		s.t.Errorf("want failed with 78 and no restart, got %s with %s", state, code)
	}
	s.journalShows("err", "${credential:slack-webhook}: there is no such file")
	if err := os.RemoveAll(s.path(secretsDir)); err != nil {
		s.t.Fatal(err)
	}
	if out, status := s.try("systemctl", "restart", serviceUnit); status == 0 || !strings.Contains(out, "Assertion failed") {
		s.t.Errorf("want a start without the directory of secrets refused, got %d and %s", status, out)
	}
}

// purge removes the service as docs/install.md says. Nothing of it is left.
func (s *service) purge() {
	s.t.Helper()
	for line := range strings.Lines(installPage(s.t, "## Remove")) {
		s.run("sh", "-c", line)
	}
	s.nothingLeft()
}

// nothingLeft looks for files of squarewatch in the machine.
func (s *service) nothingLeft() {
	s.t.Helper()
	left := s.run("find", "/", "-xdev", "-name", "*squarewatch*", "-not", "-path", "/proc/*", "-not", "-path", "/sys/*")
	if left != "" {
		s.t.Errorf("want nothing left, got\n%s", left)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// TestTheTemplateIsTheService checks that the two units differ only where an instance needs it.
func TestTheTemplateIsTheService(t *testing.T) {
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var settings []string
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "SocketBindAllow=") {
				settings = append(settings, line)
			}
		}
		return strings.Join(settings, "\n")
	}
	instance := strings.NewReplacer("/%i/", "/", "squarewatch-%i", "squarewatch", " (%i)", "").Replace(read("../squarewatch@.service"))
	if want := read("../squarewatch.service"); instance != want {
		t.Errorf("squarewatch@.service differs from squarewatch.service:\n%s\nwant:\n%s", instance, want)
	}
}
