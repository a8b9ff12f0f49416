//go:build soak

package soak_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"squarewatch/probe/aisquaretest"
)

// interval is the time between two runs of a probe.
const interval = time.Second

// around is what the file of the daemon names.
type around struct{ target, resolver, webhook, collector, state string }

// daemon is the built daemon, which is started and ended again and again.
type daemon struct {
	ctx     context.Context //nolint:containedctx // it is that of the whole soak
	binary  string
	file    string
	listen  string
	pprof   string // address of its profiles
	around  around
	journal *journal

	processes sync.Mutex // held while the daemon is started or ended
	cmd       *exec.Cmd
	log       bytes.Buffer

	mu    sync.Mutex
	extra int // further probes in the file
}

func newDaemon(ctx context.Context, binary, dir string, j *journal, around around) (*daemon, error) {
	d := &daemon{ctx: ctx, binary: binary, file: filepath.Join(dir, "squarewatch.yaml"), around: around, journal: j}
	for _, address := range []*string{&d.listen, &d.pprof} {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // when both addresses are known
		*address = l.Addr().String()
	}
	return d, d.writeFile()
}

// addProbes reloads a file with more probes, or with fewer.
func (d *daemon) addProbes(more int) error {
	d.mu.Lock()
	d.extra += more
	d.mu.Unlock()
	return d.reload(d.text())
}

// reload reloads another file.
func (d *daemon) reload(text string) error {
	d.processes.Lock() // a process that starts reads the file of the soak
	defer d.processes.Unlock()
	if err := d.replaceFile(text); err != nil {
		return err
	}
	return d.cmd.Process.Signal(syscall.SIGHUP)
}

// writeFile writes the configuration.
func (d *daemon) writeFile() error { return d.replaceFile(d.text()) }

// replaceFile replaces the file of the daemon at once, because a daemon may read it meanwhile.
func (d *daemon) replaceFile(text string) error {
	next, err := os.CreateTemp(filepath.Dir(d.file), "next")
	if err != nil {
		return err
	}
	_, err = next.WriteString(text)
	if err = errors.Join(err, next.Close()); err != nil {
		return err
	}
	return os.Rename(next.Name(), d.file)
}

// text returns the configuration.
func (d *daemon) text() string {
	d.mu.Lock()
	extra := d.extra
	d.mu.Unlock()
	rule := fmt.Sprintf("on: [unexpected], window: %v, threshold: 50%%, clear: 30%%, min_runs: 3, reopen: -1s", window)
	var probes, rules, notifiers strings.Builder
	for i, path := range paths() {
		further := ""
		switch {
		case i%2 == 1: // a run that hangs takes longer than the interval
			further = ", timeout: 2500ms"
		case i%4 == 0:
			further = ", confirm: {attempts: 2, delay: 100ms}"
		}
		fmt.Fprintf(&probes, "  - {name: %s, path: %s, credential: %s%s}\n", nameOf(path), path, credentialOf(path), further)
		if i >= 5 { // its incidents join no other, because a notifier of its own announces them
			fmt.Fprintf(&rules, "  - {name: %s-%[2]s, probes: [%[2]s], notify: [%[2]s], %s}\n", ruleName, nameOf(path), rule)
			fmt.Fprintf(&notifiers, "  %s: {slack: {webhook_url: %q}, group_wait: 0s}\n", nameOf(path), d.around.webhook)
		}
	}
	for i := range extra {
		fmt.Fprintf(&probes, "  - {name: p0-further%d, path: /endpoint/further/, credential: none}\n", i)
	}
	return fmt.Sprintf(`target: %s
allow_http: true
catalogue: none
network: {resolver: %q}
credentials:
  owner: {api_key: %s}
  member: {login: {path: %s, body: {username: %s, password: %s}}, refresh_path: %s, renew_before: 3s}
defaults: {schedule: "@every %v", timeout: 900ms}
probes:
%srules:
  - {name: %s, probes: ["p0*", p1, p2, p3, p4], notify: [ops], %s}
%snotifiers:
%s  ops: {slack: {webhook_url: %q}, group_wait: 0s}
telemetry: {otlp: {endpoint: %q, protocol: http/protobuf}}
listen: %s
state_dir: %s
`, d.around.target, d.around.resolver, aisquaretest.DefaultKey, loginPath, member, password, refreshPath, interval, probes.String(),
		ruleName, rule, rules.String(), notifiers.String(), d.around.webhook, d.around.collector, d.listen, d.around.state)
}

// start starts the daemon, and waits until it answers.
func (d *daemon) start() error {
	d.cmd = exec.CommandContext(d.ctx, d.binary, "run", "--config", d.file, "--pprof", d.pprof)
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	if err := d.cmd.Start(); err != nil {
		return err
	}
	for range 600 {
		if _, err := d.get("/api/v1/status"); err == nil {
			return nil
		}
		<-time.After(50 * time.Millisecond)
	}
	return errors.New("the daemon does not answer 30 s after its start")
}

// restart ends the daemon by a signal, does something meanwhile, and starts it again.
func (d *daemon) restart(signal syscall.Signal, meanwhile func() error) error {
	d.processes.Lock()
	defer d.processes.Unlock()
	from := time.Now()
	_ = d.cmd.Process.Signal(syscall.SIGCONT) // it may stand still
	if err := d.cmd.Process.Signal(signal); err != nil {
		return err
	}
	if err := d.cmd.Wait(); err != nil && signal == syscall.SIGTERM {
		return fmt.Errorf("a stop ended with %w", err)
	}
	err := errors.Join(d.writeFile(), meanwhile(), d.start())
	d.journal.note(&d.journal.restarts, from, time.Now())
	if signal == syscall.SIGKILL {
		d.journal.mu.Lock()
		defer d.journal.mu.Unlock()
		d.journal.kills = append(d.journal.kills, from)
	}
	return err
}

// signal sends signals to the daemon.
func (d *daemon) signal(signals ...syscall.Signal) error {
	d.processes.Lock()
	defer d.processes.Unlock()
	for _, signal := range signals {
		if err := d.cmd.Process.Signal(signal); err != nil {
			return err
		}
	}
	return nil
}

// stop stops the daemon for good.
func (d *daemon) stop() error {
	if err := d.signal(syscall.SIGTERM); err != nil {
		return err
	}
	return d.cmd.Wait()
}

// kill ends the daemon if it still runs.
func (d *daemon) kill() {
	if d.cmd != nil && d.cmd.ProcessState == nil {
		_ = d.cmd.Process.Kill()
		_ = d.cmd.Wait()
	}
}

// get returns a page of the daemon.
func (d *daemon) get(path string) (string, error) { return d.page(d.listen, path) }

// page returns what a port of the daemon answers.
func (d *daemon) page(address, path string) (string, error) {
	ctx, cancel := context.WithTimeout(d.ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := (&http.Client{}).Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %d: %s", path, response.StatusCode, body)
	}
	return string(body), err
}

// command runs a command against the daemon.
func (d *daemon) command(arguments ...string) error {
	ctx, cancel := context.WithTimeout(d.ctx, 5*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, d.binary, append(arguments, "--config", d.file)...).Run()
}
