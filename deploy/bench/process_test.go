//go:build bench

package bench_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// process is a program that is measured.
type process struct {
	name string
	cmd  *exec.Cmd
	log  bytes.Buffer
}

// start runs a program until the benchmark ends.
func start(b *testing.B, name string, arguments ...string) *process {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	p := &process{name: name, cmd: exec.CommandContext(ctx, name, arguments...)}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		stop()
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stop()
		_ = p.cmd.Wait()
		if b.Failed() {
			b.Logf("%s said:\n%s", name, &p.log)
		}
	})
	return p
}

// clockTick is the unit of CPU times in /proc: proc(5), and USER_HZ in times(2), which is 100 on every Linux.
const clockTick = 10 * time.Millisecond

// cpu returns the CPU time that a process has used: fields 14 and 15 of /proc/PID/stat, proc(5). The name in field 2 may hold blanks.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s: %q has too few fields", p.name, text)
	}
	user, err := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick, errors.Join(err, err2)
}

// resident returns the resident memory of a process in bytes: VmRSS in /proc/PID/status, which is in kB.
func (p *process) resident() (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	size, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.Atoi(size)
	return n << 10, err
}

// freePort returns an address of this machine at which nothing listens.
func freePort(b *testing.B) string {
	b.Helper()
	l, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// awaitReady waits until an address answers with 200.
func awaitReady(b *testing.B, url string) {
	b.Helper()
	client := &http.Client{Timeout: time.Second}
	for range 300 {
		request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			b.Fatal(err)
		}
		if response, err := client.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		<-time.After(100 * time.Millisecond)
	}
	b.Fatalf("%s is not ready", url)
}
