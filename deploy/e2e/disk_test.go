//go:build e2e

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"
	"squarewatch/probe/database"
)

// disk is a daemon whose state_dir is a file system of its own, on a loop device (https://man7.org/linux/man-pages/man4/loop.4.html).
type disk struct {
	t     *testing.T
	api   *aisquaretest.API
	slack *slackstub.Server
	mount string
	file  string
	addr  string
	cmd   *exec.Cmd
	out   *output
}

// system runs a command of the system as root.
func system(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// newDisk mounts a file system of so many MiB.
func newDisk(t *testing.T, size int) *disk {
	t.Helper()
	d := &disk{
		t: t, api: aisquaretest.New(aisquaretest.Options{KeepRequests: -1}), slack: slackstub.New(), mount: mountLoop(t, size),
	}
	t.Cleanup(d.slack.Close)
	target := aisquaretest.Start(d.api)
	t.Cleanup(target.Close)
	d.api.SetFault("/a/", aisquaretest.Fault{Status: http.StatusOK})
	d.configure(target.URL, "127.0.0.1:"+freePort(t))
	return d
}

// mountLoop mounts a file system of so many MiB on a loop device until the test ends.
func mountLoop(t *testing.T, size int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a loop device needs root")
	}
	directory := t.TempDir()
	image, mount := filepath.Join(directory, "image"), filepath.Join(directory, "state")
	system(t, "truncate", "-s", fmt.Sprintf("%dM", size), image)
	system(t, "mkfs.ext4", "-q", "-m", "0", image)
	if err := os.Mkdir(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	system(t, "mount", "-o", "loop", image, mount)
	t.Cleanup(func() {
		unfreeze(mount)
		_ = exec.Command("umount", "-l", mount).Run()
	})
	return mount
}

// unfreeze ends a freeze, if there is one.
func unfreeze(mount string) { _ = exec.Command("fsfreeze", "-u", mount).Run() }

func (d *disk) configure(target, listen string) {
	d.addr = listen
	d.file = filepath.Join(filepath.Dir(d.mount), "squarewatch.yaml")
	var probes strings.Builder
	for i := range 20 {
		fmt.Fprintf(&probes, "  - {name: p%d, path: /p%d/}\n", i, i)
		d.api.SetFault(fmt.Sprintf("/p%d/", i), aisquaretest.Fault{Status: http.StatusOK})
	}
	text := fmt.Sprintf(`
target: %s
catalogue: none
defaults: {schedule: "@every 1s", timeout: 5s}
probes:
  - {name: a, path: /a/}
%srules:
  - {name: server-errors, on: [5xx], window: 10s, threshold: 30%%, clear: 10%%, min_runs: 3, reopen: -1s}
notifiers:
  ops: {slack: {webhook_url: %q}, group_wait: 0s}
listen: %s
state_dir: %s
`, target, probes.String(), d.slack.Webhook(), d.addr, d.mount)
	if err := os.WriteFile(d.file, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// run starts the daemon and waits until it probes.
func (d *disk) run() {
	d.t.Helper()
	d.cmd = exec.CommandContext(context.WithoutCancel(d.t.Context()), binary(d.t), "run", "--config", d.file)
	begin := time.Now()
	d.out = start(d.t, d.cmd)
	d.t.Cleanup(func() { unfreeze(d.mount) }) // comes before the end of the process, which otherwise waits for the disk
	eventually(d.t, 20*time.Second, "it answers", func() bool {
		_, _, err := get(d.t.Context(), "http://"+d.addr+"/-/healthy")
		return err == nil
	})
	d.t.Logf("it answers %v after the start", time.Since(begin).Round(time.Millisecond))
}

func (d *disk) runs() float64 {
	return scrape(d.t, d.addr, "squarewatch_probe_runs_total", nil)
}

// expects waits until Slack has received it, and returns how long that took.
func (d *disk) expects(limit time.Duration, begin string) time.Duration {
	d.t.Helper()
	asked := time.Now()
	eventually(d.t, limit, "Slack receives "+begin, func() bool { return d.count(begin) > 0 })
	return time.Since(asked)
}

func (d *disk) count(begin string) int {
	n := 0
	for _, m := range d.slack.Messages() {
		if strings.HasPrefix(m.Text, begin) {
			n++
		}
	}
	return n
}

func (d *disk) ready() (int, string) {
	status, body, err := get(d.t.Context(), "http://"+d.addr+"/-/ready")
	if err != nil {
		return 0, err.Error()
	}
	return status, body
}

// recovers waits until the daemon says that nothing would be forgotten.
func (d *disk) recovers(limit time.Duration) {
	d.t.Helper()
	begin := time.Now()
	eventually(d.t, limit, "everything is written again", func() bool {
		status, _ := d.ready()
		return status == http.StatusOK
	})
	d.t.Logf("everything is written again after %v", time.Since(begin).Round(time.Millisecond))
}

// kept counts rows in a copy of the database, which the daemon makes while it runs.
func (d *disk) kept(query string) (n int) {
	d.t.Helper()
	name := filepath.Join(d.t.TempDir(), "copy.db")
	if out, err := exec.CommandContext(d.t.Context(), binary(d.t), "copy", "--config", d.file, name).CombinedOutput(); err != nil {
		d.t.Fatalf("copy: %v\n%s", err, out)
	}
	db, err := database.OpenReadOnly(d.t.Context(), name)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(d.t.Context(), query).Scan(&n); err != nil {
		d.t.Fatal(err)
	}
	return n
}

func TestFrozenDiskHoldsNothingUp(t *testing.T) {
	d := newDisk(t, 64)
	d.run()
	eventually(t, 20*time.Second, "it probes", func() bool { return d.runs() > 100 })
	system(t, "fsfreeze", "-f", d.mount)
	before := d.runs()
	d.api.SetFault("/a/", aisquaretest.Fault{Status: http.StatusInternalServerError})
	t.Logf("FIRING after %v", d.expects(10*time.Second, "FIRING"))
	silence := exec.CommandContext(t.Context(), binary(t), "silence", "add", "--config", d.file, "--probe", "p1", "--for", "1h")
	begin := time.Now()
	out, err := silence.CombinedOutput()
	if took := time.Since(begin); err != nil || took > 5*time.Second || !strings.Contains(string(out), "in force") {
		t.Errorf("want the silence in force at once with a warning, got %v after %v: %s", err, took, out)
	}
	<-time.After(15 * time.Second) // real time: the disk hangs
	if got := d.runs() - before; got < 15*21*0.9 {
		t.Errorf("want probing to go on, got %.0f runs", got)
	}
	if status, text := d.ready(); status != http.StatusServiceUnavailable || !strings.Contains(text, "does not answer") {
		t.Errorf("want the fault of the disk said, got %d %s", status, text)
	}
	d.api.SetFault("/a/", aisquaretest.Fault{Status: http.StatusOK})
	t.Logf("RESOLVED after %v", d.expects(20*time.Second, "RESOLVED"))
	system(t, "fsfreeze", "-u", d.mount)
	d.recovers(20 * time.Second)
	eventually(t, 10*time.Second, "the runs of the freeze are written", func() bool { // in the batch after the one that hung
		done := d.runs()
		return float64(d.kept("SELECT count(*) FROM runs")) >= done*0.9
	})
	if n := d.kept("SELECT count(*) FROM silences"); n != 1 {
		t.Errorf("want the silence written, got %d", n)
	}
	if n := d.kept("SELECT count(*) FROM incidents WHERE state = 'resolved'"); n != 1 || d.count("FIRING") != 1 || d.count("RESOLVED") != 1 {
		t.Errorf("want one incident, notified once, got %d, %d, %d", n, d.count("FIRING"), d.count("RESOLVED"))
	}
}

func TestStartOnAFrozenDisk(t *testing.T) {
	d := newDisk(t, 64)
	d.run()
	d.api.SetFault("/a/", aisquaretest.Fault{Status: http.StatusInternalServerError})
	d.expects(20*time.Second, "FIRING")
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
	system(t, "fsfreeze", "-f", d.mount)
	d.run()
	eventually(t, 10*time.Second, "it probes", func() bool { return d.runs() > 50 })
	system(t, "fsfreeze", "-u", d.mount)
	d.recovers(20 * time.Second)
	d.api.SetFault("/a/", aisquaretest.Fault{Status: http.StatusOK})
	d.expects(30*time.Second, "RESOLVED")
	if _, err := stop(t, d.cmd); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestLockedDatabaseIsNamedAndOpenedLater(t *testing.T) {
	d := newDisk(t, 64)
	d.run()
	d.recovers(10 * time.Second)
	lock := exec.CommandContext(t.Context(), "sqlite3", filepath.Join(d.mount, "squarewatch.db"), "BEGIN IMMEDIATE")
	if out, err := lock.CombinedOutput(); err == nil {
		t.Errorf("want the database of a running daemon locked for others, got %s", out)
	}
	if _, err := stop(t, d.cmd); err != nil {
		t.Errorf("stop: %v", err)
	}
	shell := exec.CommandContext(t.Context(), "sqlite3", filepath.Join(d.mount, "squarewatch.db"))
	input, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintln(input, "BEGIN IMMEDIATE; INSERT INTO misses VALUES (1, 'x', 'y', 1);")
	<-time.After(time.Second) // until the shell has the lock
	d.run()
	d.api.SetFault("/a/", aisquaretest.Fault{Status: http.StatusInternalServerError})
	t.Logf("FIRING after %v", d.expects(10*time.Second, "FIRING"))
	if n := d.count("FIRING"); n != 1 {
		t.Errorf("want one FIRING, got %d", n)
	}
	eventually(t, 15*time.Second, "the lock is named", func() bool {
		status, text := d.ready()
		return status == http.StatusServiceUnavailable && strings.Contains(text, "locked") && strings.Contains(text, "fuser")
	})
	_ = input.Close() // the shell ends, and its transaction with it
	_ = shell.Wait()
	d.recovers(30 * time.Second)
	if n := d.kept("SELECT count(*) FROM incidents WHERE state = 'firing'"); n != 1 {
		t.Errorf("want the incident written, got %d", n)
	}
}

func TestFullDiskIsUsedAsSoonAsThereIsRoom(t *testing.T) {
	d := newDisk(t, 16)
	filler := filepath.Join(d.mount, "filler")
	_ = exec.CommandContext(t.Context(), "dd", "if=/dev/zero", "of="+filler, "bs=64k").Run() // until the disk is full
	d.run()
	d.api.SetFault("/a/", aisquaretest.Fault{Status: http.StatusInternalServerError})
	t.Logf("FIRING after %v", d.expects(10*time.Second, "FIRING"))
	if status, text := d.ready(); status != http.StatusServiceUnavailable {
		t.Errorf("want the fault of the disk said, got %d %s", status, text)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	d.recovers(30 * time.Second)
	if n := d.kept("SELECT count(*) FROM incidents WHERE state = 'firing'"); n != 1 {
		t.Errorf("want the incident written, got %d", n)
	}
}

func TestReadOnlyDiskIsUsedAsSoonAsItIsWritable(t *testing.T) {
	d := newDisk(t, 64)
	d.run()
	d.api.SetFault("/a/", aisquaretest.Fault{Status: http.StatusInternalServerError})
	d.expects(20*time.Second, "FIRING")
	if _, err := stop(t, d.cmd); err != nil {
		t.Errorf("stop: %v", err)
	}
	system(t, "mount", "-o", "remount,ro", d.mount)
	d.run()
	eventually(t, 10*time.Second, "it probes", func() bool { return d.runs() > 50 })
	system(t, "mount", "-o", "remount,rw", d.mount)
	d.recovers(30 * time.Second)
	d.api.SetFault("/a/", aisquaretest.Fault{Status: http.StatusOK})
	d.expects(30*time.Second, "RESOLVED")
}

func TestSecondDaemonOnOneStateDirIsRefused(t *testing.T) {
	d := newDisk(t, 64)
	d.run()
	text, err := os.ReadFile(d.file)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.yaml")
	moved := strings.Replace(string(text), d.addr, "127.0.0.1:"+freePort(t), 1)
	if err := os.WriteFile(other, []byte(moved), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), binary(t), "run", "--config", other).CombinedOutput()
	if want := fmt.Sprintf("process identifier %d", d.cmd.Process.Pid); err == nil || !strings.Contains(string(out), want) {
		t.Errorf("want it refused with %q, got %v: %s", want, err, out)
	}
	if err := d.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = d.cmd.Wait()
	d.run() // a killed owner leaves nothing behind
	d.recovers(10 * time.Second)
}
