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

// slowTarget answers after a delay.
func slowTarget(t *testing.T, delay time.Duration) (target *httptest.Server, open *atomic.Int64) {
	t.Helper()
	open = &atomic.Int64{}
	target = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open.Add(1)
		defer open.Add(-1)
		select {
		case <-time.After(delay):
			_, _ = w.Write([]byte(`{"ok":true}`))
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(target.Close)
	return target, open
}

// startStarved starts a daemon with 20 probes and 24 descriptors, of which it needs about 15 itself.
func startStarved(t *testing.T, target, collector, webhook string) (cmd *exec.Cmd, log *output, listen string) {
	t.Helper()
	var probes strings.Builder
	for i := range 20 {
		fmt.Fprintf(&probes, "  - {name: p%d, path: /slow, schedule: \"@every 3s\", timeout: 4m}\n", i)
	}
	listen = "127.0.0.1:" + freePort(t)
	file := filepath.Join(t.TempDir(), "squarewatch.yaml")
	text := fmt.Sprintf(`target: %s
catalogue: none
state_dir: %s
listen: %s
probes:
%stelemetry: {otlp: {endpoint: "%s", protocol: http/protobuf, logs: true}}
rules: [{name: transport, on: [transport], window: 10s, threshold: 20%%, min_runs: 2}]
notifiers: {ops: {slack: {webhook_url: "%s"}, group_wait: 0s}}
`, target, t.TempDir(), listen, &probes, collector, webhook)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), "sh", "-c", `ulimit -n 24; exec "$0" run --config "$1"`, binary(t), file)
	return cmd, start(t, cmd), listen
}

// TestADaemonWithoutDescriptors has a target that hangs, so that no probe releases its descriptor. People get a message that squarewatch is
// in trouble, and none about an outage. The collector, the database and the port still work.
func TestADaemonWithoutDescriptors(t *testing.T) {
	target, _ := slowTarget(t, time.Hour)
	slack := slackstub.New()
	t.Cleanup(slack.Close)
	var exports atomic.Int64
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { exports.Add(1) }))
	t.Cleanup(collector.Close)
	webhook := strings.Replace(slack.Webhook(), "127.0.0.1", "localhost", 1) // a name also needs a look-up
	cmd, log, listen := startStarved(t, target.URL, collector.URL, webhook)
	eventually(t, time.Minute, "the shortage is in the log", func() bool {
		return strings.Contains(log.String(), "squarewatch itself is in trouble")
	})
	// The rule fires after a minute. Its message needs some of the descriptors that probes leave free.
	eventually(t, 2*time.Minute, "the incident fires", func() bool { return strings.Contains(log.String(), "event=firing rule=watcher") })
	fired := time.Now()
	eventually(t, 40*time.Second, "a message in Slack", func() bool { return len(slack.Messages()) > 0 })
	t.Logf("the message left within %v", time.Since(fired).Round(10*time.Millisecond))
	before := exports.Load()
	eventually(t, 40*time.Second, "the collector receives more", func() bool { return exports.Load() > before })
	eventually(t, 40*time.Second, "the port answers, and says that all is ready", func() bool {
		status, _, err := get(t.Context(), "http://"+listen+"/-/ready")
		return err == nil && status == http.StatusOK
	})
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
	target, open := slowTarget(t, 2*time.Second)
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
