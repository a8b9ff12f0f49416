//go:build e2e

package e2e_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"squarewatch/probe/aisquaretest"
)

func TestUnitIsValidAndHardened(t *testing.T) {
	unit, err := os.ReadFile("../squarewatch.service")
	if err != nil {
		t.Fatal(err)
	}
	// verify needs the binary of the unit, which is where this test built it.
	path := filepath.Join(t.TempDir(), "squarewatch.service")
	here := strings.ReplaceAll(string(unit), "/usr/bin/squarewatch", binary(t))
	if err := os.WriteFile(path, []byte(here), 0o600); err != nil {
		t.Fatal(err)
	}
	verify := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", path)
	if out, err := verify.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--no-pager", path).CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze security: %v\n%s", err, out)
	}
	match := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindSubmatch(out)
	if match == nil {
		t.Fatalf("no exposure level in:\n%s", out)
	}
	if level, err := strconv.ParseFloat(string(match[1]), 64); err != nil || level > 1.5 {
		t.Errorf("exposure: want 1.5 or better, got %s", match[1])
	}
	t.Logf("exposure %s", match[1])
}

// notifySocket is the service manager's end of the notify protocol.
type notifySocket struct {
	path string
	mu   sync.Mutex
	seen []string
}

func listenNotify(t *testing.T) *notifySocket {
	t.Helper()
	s := &notifySocket{path: filepath.Join(t.TempDir(), "notify")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.seen = append(s.seen, string(buf[:n]))
			s.mu.Unlock()
		}
	}()
	return s
}

func (s *notifySocket) count(state string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, seen := range s.seen {
		if strings.Contains(seen, state) {
			n++
		}
	}
	return n
}

func TestServiceManagerIsTold(t *testing.T) {
	server := aisquaretest.Start(aisquaretest.New(aisquaretest.Options{}))
	defer server.Close()
	credentials := t.TempDir()
	for name, value := range map[string]string{
		"aisquare-api-key": aisquaretest.DefaultKey + "\n", "slack-webhook": "http://127.0.0.1:1/hush\n",
	} {
		if err := os.WriteFile(filepath.Join(credentials, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "squarewatch.yaml")
	config := `
target: ` + server.URL + `
studio: ai-research-studio
credentials:
  partner: {api_key: "${credential:aisquare-api-key}"}
notifiers:
  ops: {slack: {webhook_url: "${credential:slack-webhook}"}}
defaults: {schedule: "@every 1s"}
listen: 127.0.0.1:0
state_dir: ` + filepath.Join(filepath.Dir(file), "state") + `
`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := listenNotify(t)
	cmd := exec.CommandContext(t.Context(), binary(t), "run", "--config", file)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket.path, "WATCHDOG_USEC=600000", "CREDENTIALS_DIRECTORY="+credentials)
	out := start(t, cmd)
	eventually(t, 20*time.Second, "READY=1", func() bool { return socket.count("READY=1") == 1 })
	eventually(t, 20*time.Second, "WATCHDOG=1 three times", func() bool { return socket.count("WATCHDOG=1") >= 3 })

	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "RELOADING=1 and READY=1", func() bool {
		return socket.count("RELOADING=1") == 1 && socket.count("READY=1") == 2
	})
	if err := os.WriteFile(file, []byte("target: nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "a bad reload is refused and the old configuration stays in force", func() bool {
		return socket.count("RELOADING=1") == 2 && socket.count("READY=1") == 3 &&
			strings.Contains(out.String(), "the old configuration stays in force")
	})
	pings := socket.count("WATCHDOG=1")
	eventually(t, 20*time.Second, "WATCHDOG=1 after the bad reload", func() bool { return socket.count("WATCHDOG=1") > pings+2 })

	took, err := stop(t, cmd)
	if err != nil || took > 10*time.Second || socket.count("STOPPING=1") != 1 {
		t.Errorf("SIGTERM: want exit 0 within 10s and STOPPING=1, got %v after %v, %d times", err, took, socket.count("STOPPING=1"))
	}
	if strings.Contains(out.String(), aisquaretest.DefaultKey) || strings.Contains(out.String(), "hush") {
		t.Error("a secret is in the log")
	}
	if strings.Contains(out.String(), "DATA RACE") {
		t.Error("the race detector found something")
	}
}
