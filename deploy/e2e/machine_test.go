//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// machineRoot is where setup.sh puts a Debian that can boot. It is never written to: each machine has a layer of its own in memory.
func machineRoot() string {
	cache := os.Getenv("SQUAREWATCH_E2E_CACHE")
	if cache == "" {
		cache = "/var/cache/squarewatch-e2e"
	}
	return filepath.Join(cache, "debian12")
}

// machine is a Debian with a booted systemd in a container of systemd-nspawn. It shares the network of the host.
type machine struct {
	t      *testing.T
	leader string // process identifier of its systemd
}

// bootMachine boots a machine that ends with the test. The options are further ones of systemd-nspawn(1).
func bootMachine(t *testing.T, options ...string) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("booting a machine takes root")
	}
	if _, err := os.Stat(machineRoot()); err != nil {
		t.Fatalf("%v: run deploy/e2e/setup.sh", err)
	}
	args := append([]string{
		"--quiet", "--register=no", "--keep-unit", "--volatile=overlay", "--machine=squarewatch-e2e-" + strconv.Itoa(os.Getpid()),
		"--directory=" + machineRoot(), "--boot", "--console=read-only",
	}, options...)
	cmd := exec.CommandContext(t.Context(), "systemd-nspawn", args...)
	start(t, cmd)
	m := &machine{t: t}
	// The end of the test's context sends SIGTERM, at which nspawn powers the machine off. A second one would end it at once.
	t.Cleanup(func() { _ = cmd.Wait() })
	children := "/proc/" + strconv.Itoa(cmd.Process.Pid) + "/task/" + strconv.Itoa(cmd.Process.Pid) + "/children"
	eventually(t, 60*time.Second, "the machine has booted", func() bool {
		text, _ := os.ReadFile(children)
		m.leader, _, _ = strings.Cut(strings.TrimSpace(string(text)), " ")
		if m.leader == "" {
			return false
		}
		state, _ := m.try("systemctl", "is-system-running")
		return strings.HasPrefix(state, "running") || strings.HasPrefix(state, "degraded")
	})
	return m
}

// try runs a command in the machine and returns what it printed and its exit status.
func (m *machine) try(args ...string) (string, int) {
	ctx, cancel := context.WithTimeout(m.t.Context(), 90*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nsenter", append([]string{"--target", m.leader, "--all", "--"}, args...)...).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		return err.Error(), -1
	}
	return string(out), 0
}

// run runs a command that has to succeed.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, status := m.try(args...)
	if status != 0 {
		journal, _ := m.try("journalctl", "--no-pager", "-n", "30", "-o", "cat")
		m.t.Fatalf("%s: exit status %d\n%s\njournal:\n%s", strings.Join(args, " "), status, out, journal)
	}
	return out
}

// path returns where a path of the machine is seen from here.
func (m *machine) path(path string) string { return filepath.Join("/proc", m.leader, "root", path) }

// write writes a file in the machine, with its directories.
func (m *machine) write(path, text string, mode os.FileMode) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.path(path)), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(m.path(path), []byte(text), mode); err != nil {
		m.t.Fatal(err)
	}
}

// property returns a property of the service.
func (m *machine) property(name string) string {
	m.t.Helper()
	return strings.TrimSpace(m.run("systemctl", "show", "--property="+name, "--value", serviceUnit))
}

// journal returns what the service has logged with a priority or a more urgent one.
func (m *machine) journal(priority string) string {
	m.t.Helper()
	return m.run("journalctl", "--no-pager", "--output=cat", "--unit="+serviceUnit, "--priority="+priority)
}

// journalShows waits until the journal of the service has all parts, with a priority or a more urgent one. It waits because the journal may
// get the last lines of a process after the process ended.
func (m *machine) journalShows(priority string, parts ...string) {
	m.t.Helper()
	eventually(m.t, 60*time.Second, "the journal shows "+strings.Join(parts, " and "), func() bool {
		log := m.journal(priority)
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(log, part) })
	})
}

// install runs the commands of docs/install.md in a copy of the files that they install. The program is built before.
func (m *machine) install() {
	m.t.Helper()
	path, err := buildRelease()
	if err != nil {
		m.t.Fatal(err)
	}
	const source = "/root/source"
	for from, to := range map[string]string{
		path:                          "bin/squarewatch",
		"../squarewatch.service":      "deploy/squarewatch.service",
		"../squarewatch@.service":     "deploy/squarewatch@.service",
		"../squarewatch.example.yaml": "deploy/squarewatch.example.yaml",
		"../../config/schema.json":    "config/schema.json",
	} {
		text, err := os.ReadFile(from)
		if err != nil {
			m.t.Fatal(err)
		}
		m.write(source+"/"+to, string(text), 0o755)
	}
	for _, heading := range []string{"## From source, with systemd", "## Several instances"} {
		commands := strings.TrimPrefix(installPage(m.t, heading), "make build\n")
		m.run("sh", "-e", "-c", "cd "+source+"\n"+commands)
	}
	m.run("rm", "-rf", source)
}

// installPage returns the commands of the first block of shell commands after a heading of docs/install.md.
func installPage(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "\n"+heading+"\n")
	_, after, _ = strings.Cut(after, "```sh\n")
	commands, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatalf("no commands under %q in docs/install.md", heading)
	}
	return commands
}

// buildRelease builds the program as `make build` does.
var buildRelease = sync.OnceValues(func() (string, error) { return buildAs("-release") })

// buildNext builds it otherwise, with its symbols, as another version would be another file.
var buildNext = sync.OnceValues(func() (string, error) { return buildAs("-next", "-ldflags=") })

func buildAs(suffix string, flags ...string) (string, error) {
	path, err := build()
	if err != nil {
		return "", err
	}
	path += suffix
	args := append([]string{"build", "-trimpath", "-tags", "grpcnotrace", "-ldflags", "-s -w", "-o", path}, flags...)
	cmd := exec.Command("go", append(args, "squarewatch/cmd/squarewatch")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New("build: " + string(out))
	}
	return path, nil
}
