//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"squarewatch/alert/slack/slackstub"
)

// slowTarget answers after two seconds.
func slowTarget(t *testing.T) (target *httptest.Server, open *atomic.Int64) {
	t.Helper()
	open = &atomic.Int64{}
	target = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open.Add(1)
		defer open.Add(-1)
		select {
		case <-time.After(2 * time.Second):
			_, _ = w.Write([]byte(`{"ok":true}`))
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(target.Close)
	return target, open
}

// TestADaemonWithoutDescriptors gives the daemon 20 descriptors for 20 slow probes. People get a message that squarewatch is in
// trouble, and none about an outage.
func TestADaemonWithoutDescriptors(t *testing.T) {
	target, _ := slowTarget(t)
	slack := slackstub.New()
	t.Cleanup(slack.Close)
	var probes strings.Builder
	for i := range 20 {
		fmt.Fprintf(&probes, "  - {name: p%d, path: /slow, schedule: \"@every 3s\"}\n", i)
	}
	listen := "127.0.0.1:" + freePort(t)
	file := filepath.Join(t.TempDir(), "squarewatch.yaml")
	text := fmt.Sprintf(`target: %s
catalogue: none
state_dir: none
listen: %s
probes:
%srules: [{name: transport, on: [transport], window: 10s, threshold: 20%%, min_runs: 2}]
notifiers: {ops: {slack: {webhook_url: "%s"}, group_wait: 0s}}
`, target.URL, listen, &probes, slack.Webhook())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `ulimit -n 20; exec "$0" run --config "$1"`, binary(t), file)
	log := start(t, cmd)
	eventually(t, 20*time.Second, "the shortage is in the log", func() bool {
		return strings.Contains(log.String(), "squarewatch itself is in trouble")
	})
	// The message needs a descriptor too: it is tried again until one is free.
	eventually(t, 4*time.Minute, "a message in Slack", func() bool { return len(slack.Messages()) > 0 })
	for _, m := range slack.Messages() {
		if !strings.HasPrefix(m.Text, "FIRING watcher all: squarewatch itself is in trouble") {
			t.Errorf("want one message of our own trouble, got %s", m.Text)
		}
	}
	if n := strings.Count(log.String(), "squarewatch itself is in trouble: no rule counts"); n != 1 {
		t.Errorf("want one line in the log, got %d", n)
	}
	if _, err := stop(t, cmd); err != nil {
		t.Errorf("want a clean end, got %v", err)
	}
}

// TestARunThatSpansAStop stops the process for 8 s while a request is open: the run is missed, although its answer came too late.
func TestARunThatSpansAStop(t *testing.T) {
	target, open := slowTarget(t)
	listen := "127.0.0.1:" + freePort(t)
	file := filepath.Join(t.TempDir(), "squarewatch.yaml")
	text := fmt.Sprintf(`target: %s
catalogue: none
state_dir: none
listen: %s
probes: [{name: slow, path: /slow, schedule: "@every 5s", timeout: 30s, expect: {latency: 5s}}]
`, target.URL, listen)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary(t), "run", "--config", file)
	start(t, cmd)
	eventually(t, 20*time.Second, "a request is open", func() bool { return open.Load() == 1 })
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	<-time.After(8 * time.Second)
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "the runs are missed", func() bool {
		return scrape(t, listen, "squarewatch_schedule_missed_total", map[string]string{"probe": "slow", "reason": "gap"}) >= 1
	})
	eventually(t, 20*time.Second, "the next run is good", func() bool {
		return scrape(t, listen, "squarewatch_probe_runs_total", map[string]string{"probe": "slow", "expected": "true"}) >= 1
	})
	if bad := scrape(t, listen, "squarewatch_probe_runs_total", map[string]string{"expected": "false"}); bad != 0 {
		t.Errorf("want no run evaluated that spans the stop, got %v", bad)
	}
	if _, err := stop(t, cmd); err != nil {
		t.Errorf("want a clean end, got %v", err)
	}
}
