//go:build e2e

package e2e_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"squarewatch/probe/aisquaretest"
)

const (
	// stateDir is where systemd keeps the state of a service with DynamicUser=yes.
	stateDir = "/var/lib/private/squarewatch"
	// diskInMachine is where the machine sees the disk that the test can freeze, fill and make read-only.
	diskInMachine = "/mnt/disk"
)

// onDisk has the state of the service on a disk of its own, and takes that disk through what happens to disks.
func (s *service) onDisk() {
	s.t.Helper()
	s.run("systemctl", "stop", serviceUnit)
	s.run("mount", "--bind", diskInMachine, stateDir)
	s.run("systemctl", "start", serviceUnit)
	eventually(s.t, 20*time.Second, "the state is written", s.ready)
	s.frozen()
	s.full()
	s.readOnly()
	s.secondOwner()
	s.upgrade()
	if got := s.property("NRestarts"); got != "0" {
		s.t.Errorf("want no restart because of a disk, got %s", got)
	}
	s.run("systemctl", "stop", serviceUnit)
	s.run("umount", stateDir)
	s.run("systemctl", "start", serviceUnit)
}

// outage breaks the API, and returns how long FIRING took.
func (s *service) outage() time.Duration {
	s.t.Helper()
	before, begun := s.messages("FIRING"), time.Now()
	s.api.SetFault("/api/v1/collections/", aisquaretest.Fault{Status: http.StatusInternalServerError})
	eventually(s.t, 15*time.Second, "FIRING in Slack", func() bool { return s.messages("FIRING") > before })
	return time.Since(begun)
}

// recovery mends the API, and returns how long RESOLVED took.
func (s *service) recovery() time.Duration {
	s.t.Helper()
	before, begun := s.messages("RESOLVED"), time.Now()
	s.api.ClearFaults()
	eventually(s.t, 30*time.Second, "RESOLVED in Slack", func() bool { return s.messages("RESOLVED") > before })
	return time.Since(begun)
}

// unwritten waits until the service says that its state is not written, and why.
func (s *service) unwritten(why string) {
	s.t.Helper()
	eventually(s.t, 30*time.Second, "/-/ready says "+why, func() bool {
		status, text, err := get(s.t.Context(), "http://"+s.listen+"/-/ready")
		return err == nil && status == http.StatusServiceUnavailable && strings.Contains(text, why)
	})
}

// frozen has an incident that begins while the disk hangs.
func (s *service) frozen() {
	s.t.Helper()
	s.t.Cleanup(func() { unfreeze(s.disk) })
	system(s.t, "fsfreeze", "-f", s.disk)
	s.t.Logf("frozen disk: FIRING after %v", s.outage())
	s.unwritten("does not answer")
	system(s.t, "fsfreeze", "-u", s.disk)
	eventually(s.t, 30*time.Second, "the state is written again", s.ready)
}

// full has the end of that incident while the disk has no room.
func (s *service) full() {
	s.t.Helper()
	filler := filepath.Join(s.disk, "filler")
	_ = exec.CommandContext(s.t.Context(), "dd", "if=/dev/zero", "of="+filler, "bs=64k").Run() // until the disk is full
	s.t.Logf("full disk: RESOLVED after %v", s.recovery())
	s.unwritten("full")
	if err := os.Remove(filler); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, 30*time.Second, "the state is written again", s.ready)
}

// readOnly starts the service while the disk is read-only, and begins an incident.
func (s *service) readOnly() {
	s.t.Helper()
	s.run("systemctl", "stop", serviceUnit)
	system(s.t, "mount", "-o", "remount,ro", s.disk)
	s.run("systemctl", "start", serviceUnit)
	s.t.Logf("read-only disk: FIRING after %v", s.outage())
	s.unwritten("read-only file system")
	system(s.t, "mount", "-o", "remount,rw", s.disk)
	eventually(s.t, 30*time.Second, "the state is written again", s.ready)
}

// secondOwner starts another daemon on the same state, as a person might who changes only listen.
func (s *service) secondOwner() {
	s.t.Helper()
	s.write("/tmp/other.yaml", s.config("127.0.0.1:"+freePort(s.t))+"state_dir: "+stateDir+"\n", 0o600)
	out, status := s.try("env", "CREDENTIALS_DIRECTORY="+secretsDir, "squarewatch", "run", "--config", "/tmp/other.yaml")
	if want := "process identifier " + s.property("MainPID"); status != 1 || !strings.Contains(out, want) {
		s.t.Errorf("a second daemon on the same state: want a refusal with %q, got %d and %s", want, status, out)
	}
}

// upgrade installs another build in the middle of that incident.
func (s *service) upgrade() {
	s.t.Helper()
	firing := s.messages("FIRING")
	installed := s.run("sha256sum", "/usr/bin/squarewatch")
	next, err := buildNext()
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := os.ReadFile(next)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("/tmp/squarewatch", string(text), 0o755)
	s.run("install", "-m", "755", "/tmp/squarewatch", "/usr/bin/squarewatch")
	s.run("systemctl", "restart", serviceUnit)
	if running := s.run("sha256sum", "/proc/"+s.property("MainPID")+"/exe"); running[:64] == installed[:64] {
		s.t.Error("want the other build to run")
	}
	s.shows("1 firing (server-errors collections")
	s.t.Logf("after the upgrade: RESOLVED after %v", s.recovery())
	if got := s.messages("FIRING"); got != firing {
		s.t.Errorf("want FIRING once over an upgrade, got %d more", got-firing)
	}
}
