//go:build bench

package bench_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// process is a program that is measured.
type process struct {
	tb   testing.TB
	cmd  *exec.Cmd
	log  bytes.Buffer
	kill context.CancelFunc
	once sync.Once
}

// start runs a program until stop, or until the test ends. env is added to the environment.
func start(tb testing.TB, env []string, name string, arguments ...string) *process {
	tb.Helper()
	ctx, kill := context.WithCancel(tb.Context())
	p := &process{tb: tb, cmd: exec.CommandContext(ctx, name, arguments...), kill: kill}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		kill()
		tb.Fatal(err)
	}
	tb.Cleanup(p.stop)
	return p
}

// stop kills the process, and shows its log when the test has failed. It may be called again.
func (p *process) stop() {
	p.once.Do(func() {
		p.kill()
		_ = p.cmd.Wait()
		if p.tb.Failed() {
			p.tb.Logf("%s said:\n%.4000s", p.cmd.Path, &p.log)
		}
	})
}

// cpu returns the CPU time that the processes have used together, from their CPU clocks: clock_getcpuclockid(3). The number of such a clock
// is that of MAKE_PROCESS_CPUCLOCK with CPUCLOCK_SCHED in the kernel's include/linux/posix-timers.h.
func cpu(tb testing.TB, processes []*process) (used time.Duration) {
	tb.Helper()
	for _, p := range processes {
		const scheduler = 2
		var clock unix.Timespec
		if err := unix.ClockGettime(int32(^p.cmd.Process.Pid<<3|scheduler), &clock); err != nil {
			tb.Fatalf("the CPU time of %s: %v", p.cmd.Path, err)
		}
		used += time.Duration(clock.Nano())
	}
	return used
}

// memory returns a kind of memory that the processes use together, in megabytes: a line of /proc/PID/smaps_rollup, proc(5), such
// as "Rss:".
func memory(tb testing.TB, processes []*process, kind string) (megabytes float64) {
	tb.Helper()
	for _, p := range processes {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.cmd.Process.Pid))
		if err != nil {
			tb.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "\n"+kind)
		var kilobytes float64
		if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
			tb.Fatalf("%s in %q: %v", kind, text, err)
		}
		megabytes += kilobytes * 1024 / 1e6
	}
	return megabytes
}

// freePort returns an address of this machine at which nothing listens.
func freePort(tb testing.TB) string {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// awaitReady waits until an address answers with 200.
func awaitReady(tb testing.TB, url string) {
	tb.Helper()
	client := &http.Client{Timeout: time.Second}
	await(tb, url+" is ready", func() bool {
		request, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			tb.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// await waits at most a minute until something is so.
func await(tb testing.TB, what string, so func() bool) {
	tb.Helper()
	for range 6000 {
		if so() {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	tb.Fatalf("waited a minute until %s", what)
}

// write writes a file, and returns its path.
func write(tb testing.TB, dir, name, text string) string {
	tb.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// build builds the daemon without symbols, as make build does.
func build(tb testing.TB) string {
	tb.Helper()
	binary := filepath.Join(tb.TempDir(), "squarewatch")
	command := exec.CommandContext(tb.Context(), "go", "build", "-ldflags", "-s -w", "-o", binary, "../../cmd/squarewatch")
	if text, err := command.CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, text)
	}
	return binary
}
