//go:build diagnosis

package diagnosis_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// daemon is a running squarewatch.
type daemon struct {
	cmd     *exec.Cmd
	address string
	limit   unix.Rlimit // of descriptors, as it was
	log     *syncBuffer
	client  http.Client
}

// syncBuffer collects what a process writes.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// build builds squarewatch into a folder.
func build(ctx context.Context, folder string) (string, error) {
	path := filepath.Join(folder, "squarewatch")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "squarewatch/cmd/squarewatch").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
}

// startDaemon starts the daemon of a stage and waits until it is ready.
func (s *stage) startDaemon(ctx context.Context, binary string) error {
	file := filepath.Join(s.folder, "squarewatch.yaml")
	if err := os.WriteFile(file, []byte(s.file()), 0o600); err != nil {
		return err
	}
	d := &daemon{address: s.at(9477), log: &syncBuffer{}, client: http.Client{Timeout: 3 * time.Second}}
	d.cmd = exec.CommandContext(ctx, binary, "run", "--config", file)
	d.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.folder, "OTEL_SDK_DISABLED=true", "GOMAXPROCS=2"}
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	if err := d.cmd.Start(); err != nil {
		return err
	}
	s.daemon = d
	if err := unix.Prlimit(d.cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &d.limit); err != nil {
		return err
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		if status, _, err := d.get(ctx, "/-/ready"); err == nil && status == http.StatusOK {
			return nil
		}
		if !rest(ctx, 100*time.Millisecond) {
			break
		}
	}
	return fmt.Errorf("the daemon is not ready; it wrote:\n%s", d.log)
}

// rest waits, and reports whether ctx goes on.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (d *daemon) get(ctx context.Context, path string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.address+path, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// status is what the status API says of a daemon.
type status struct {
	Alerts []struct {
		Rule, Series, State, Blame string
	}
	Notifiers []struct{ Pending int }
}

func (d *daemon) status(ctx context.Context) (s status, err error) {
	code, body, err := d.get(ctx, "/api/v1/status")
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("status %d", code)
	}
	if err == nil {
		err = json.Unmarshal(body, &s)
	}
	return s, err
}

// quiet reports whether nothing fires and no message waits.
func (s *status) quiet() bool {
	for _, a := range s.Alerts {
		if a.State != "inactive" {
			return false
		}
	}
	for _, n := range s.Notifiers {
		if n.Pending > 0 {
			return false
		}
	}
	return true
}

// blame returns the culprit of a series; empty when the daemon names none.
func (s *status) blame(rule, series string) culprit {
	for _, a := range s.Alerts {
		if a.Rule == rule && a.Series == series {
			return culprit(strings.TrimSuffix(a.Blame, "_service"))
		}
	}
	return ""
}

// takeDescriptors leaves the daemon no free descriptor. It lowers the limit to descriptors that are in use from the start.
func takeDescriptors(s *stage) error {
	limit := s.daemon.limit
	limit.Cur = 4
	return unix.Prlimit(s.daemon.cmd.Process.Pid, unix.RLIMIT_NOFILE, &limit, nil)
}

// feed gives the daemon back the descriptors that it had.
func feed(s *stage) error { return s.daemon.heal() }

// freeze stops the process for a while.
func freeze(d time.Duration) action {
	return func(s *stage) error {
		s.after(d, func() error { return s.daemon.cmd.Process.Signal(syscall.SIGCONT) })
		return s.daemon.cmd.Process.Signal(syscall.SIGSTOP)
	}
}

// heal lets the process go on, with the descriptors that it had.
func (d *daemon) heal() error {
	_ = d.cmd.Process.Signal(syscall.SIGCONT)
	return unix.Prlimit(d.cmd.Process.Pid, unix.RLIMIT_NOFILE, &d.limit, nil)
}

func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait() // it was killed
}
