//go:build e2e

package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"squarewatch/probe/aisquaretest"
)

// buildPackages builds the packages for this architecture with a version, as make packages does, and returns their directory.
func buildPackages(t *testing.T, version string) string {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "packages")
	makePackages(t, "VERSION="+version, "OUT="+directory)
	return directory
}

func makePackages(t *testing.T, variables ...string) {
	t.Helper()
	args := append([]string{"--silent", "-C", "../..", "packages", "ARCHES=" + runtime.GOARCH}, variables...)
	if out, err := exec.CommandContext(t.Context(), "make", args...).CombinedOutput(); err != nil {
		t.Fatalf("make packages: %v\n%s", err, out)
	}
}

// onlyFile returns the file of a directory that has an extension.
func onlyFile(t *testing.T, directory, extension string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(directory, "*"+extension))
	if err != nil || len(found) != 1 {
		t.Fatalf("want one %s in %s, got %q, %v", extension, directory, found, err)
	}
	return found[0]
}

// TestThePackagesAreReproducible builds them twice, and holds them against what Debian and rpm know of packages.
func TestThePackagesAreReproducible(t *testing.T) {
	first, second := buildPackages(t, "1.2.3"), buildPackages(t, "1.2.3")
	sums := func(directory string) string {
		text, err := os.ReadFile(filepath.Join(directory, "SHA256SUMS"))
		if err != nil || strings.Count(string(text), "\n") != 3 {
			t.Fatalf("want the sums of three files, got %v\n%s", err, text)
		}
		return string(text)
	}
	if a, b := sums(first), sums(second); a != b {
		t.Errorf("two builds differ:\n%s%s", a, b)
	}
	lintian := exec.CommandContext(t.Context(), "lintian", "--fail-on", "error,warning", onlyFile(t, first, ".deb"))
	if out, err := lintian.CombinedOutput(); err != nil {
		t.Errorf("lintian: %v\n%s", err, out)
	}
	checkRPM(t, onlyFile(t, first, ".rpm"))
}

// copyIn copies a file from here into the machine.
func (m *machine) copyIn(from, to string) {
	m.t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		m.t.Fatal(err)
	}
	m.write(to, string(text), 0o644)
}

// TestThePackageOnDebian takes one machine through what happens to a package in its life.
func TestThePackageOnDebian(t *testing.T) {
	s := newStage(t)
	s.copyIn(onlyFile(t, buildPackages(t, "1.0.0"), ".deb"), "/root/one.deb")
	s.copyIn(onlyFile(t, buildPackages(t, "1.1.0"), ".deb"), "/root/two.deb")
	s.installPackage()
	s.upgradeAmidAnIncident()
	s.upgradeWithABadFile()
	s.goBack()
	s.move()
	s.removePackage()
	s.purgePackage()
	s.playRPM(onlyFile(t, buildPackages(t, "1.2.0"), ".rpm"))
}

// installPackage installs the package on a machine that has never had it, and starts the service when its file is edited.
func (s *service) installPackage() {
	s.t.Helper()
	out := s.run("apt-get", "install", "--yes", "/root/one.deb")
	if !strings.Contains(out, "systemctl enable --now squarewatch") {
		s.t.Errorf("want to read what is next, got\n%s", out)
	}
	if active, enabled := s.property("ActiveState"), s.property("UnitFileState"); active != "inactive" || enabled != "disabled" {
		s.t.Errorf("after the installation: want inactive and disabled, got %s and %s", active, enabled)
	}
	for path, want := range map[string]string{
		"/etc/squarewatch": "755 root root", "/etc/squarewatch/credentials": "700 root root", serviceFile: "640 root squarewatch",
	} {
		if got := strings.TrimSpace(s.run("stat", "--format=%a %U %G", path)); got != want {
			s.t.Errorf("%s: want %s, got %s", path, want, got)
		}
	}
	if _, status := s.try("systemctl", "start", serviceUnit); status == 0 || s.property("ExecMainStatus") != "78" {
		s.t.Error("want no start with the example as it is")
	}
	s.journalShows("err", "credential:aisquare-api-key")
	s.write(serviceFile, s.config(s.listen), 0o640) // it keeps its owner and group
	s.configure()
	s.run("squarewatch", "check")
	if out, status := s.try("runuser", "--user", "nobody", "--", "squarewatch", "check"); status != 1 || !strings.Contains(out, "with sudo") {
		s.t.Errorf("want another user to be told what to do, got %d and %s", status, out)
	}
	s.run("systemctl", "enable", "--now", serviceUnit)
	eventually(s.t, 30*time.Second, "heartbeats", func() bool { return s.pings.Load() >= 1 })
}

// upgradeAmidAnIncident installs the next version while an incident fires. The incident goes on and is announced once.
func (s *service) upgradeAmidAnIncident() {
	s.t.Helper()
	s.api.SetFault("*", aisquaretest.Fault{Status: 500})
	eventually(s.t, 30*time.Second, "FIRING in Slack", func() bool { return s.messages("FIRING") == 1 })
	before := s.run("sha256sum", serviceFile)
	pid := s.property("MainPID")
	s.run("apt-get", "install", "--yes", "/root/two.deb")
	if s.property("MainPID") == pid || !s.ready() {
		s.t.Error("want the new version to run after the upgrade")
	}
	s.shows(" firing (server-errors ")
	if after := s.run("sha256sum", serviceFile); after != before {
		s.t.Error("the upgrade changed the configuration file")
	}
	s.api.ClearFaults()
	eventually(s.t, 60*time.Second, "RESOLVED in Slack", func() bool { return s.messages("RESOLVED") == 1 })
	if got := s.messages("FIRING"); got != 1 {
		s.t.Errorf("want FIRING once over the upgrade, got %d", got)
	}
}

// upgradeWithABadFile upgrades to a version that refuses the file: the old daemon goes on. It is replaced when the file is corrected.
func (s *service) upgradeWithABadFile() {
	s.t.Helper()
	s.write(serviceFile, s.config(s.listen)+"nonsense: 1\n", 0o640)
	pid := s.property("MainPID")
	out := s.run("dpkg", "--install", "/root/two.deb")
	if s.property("MainPID") != pid || !s.ready() {
		s.t.Error("want the old daemon to go on")
	}
	for _, want := range []string{"refuses the file of squarewatch.service", "nonsense", "systemctl restart squarewatch.service"} {
		if !strings.Contains(out, want) {
			s.t.Errorf("want %q, got\n%s", want, out)
		}
	}
	s.write(serviceFile, s.config(s.listen), 0o640)
	s.run("dpkg", "--install", "/root/two.deb")
	if s.property("MainPID") == pid || !s.ready() {
		s.t.Error("want the new daemon with the corrected file")
	}
}

// goBack installs the version before over the new one, as docs/install.md says, and then the new one again.
func (s *service) goBack() {
	s.t.Helper()
	s.run("sh", "-e", "-c", installPage(s.t, "## Back up"))
	s.run("sh", "-e", "-c", "mkdir /root/old; cp /root/one.deb /root/old/squarewatch_1.0.0_amd64.deb; cd /root/old\n"+
		strings.Replace(installPage(s.t, "## Go back to the version before"), "apt-get install", "apt-get install --yes", 1))
	eventually(s.t, 30*time.Second, "the service is ready", s.ready)
	if version := s.run("dpkg-query", "--show", "squarewatch"); !strings.Contains(version, "1.0.0") {
		s.t.Errorf("want the version before, got %s", version)
	}
	s.run("rm", "-r", "/root/squarewatch.db", "/root/squarewatch-etc.tar", "/root/old")
	s.run("dpkg", "--install", "/root/two.deb")
	eventually(s.t, 30*time.Second, "the service is ready", s.ready)
}

// move backs the service up and restores it, as docs/install.md says, over a state that is lost.
func (s *service) move() {
	s.t.Helper()
	s.run("sh", "-e", "-c", installPage(s.t, "## Back up"))
	s.run("rm", "-rf", "/etc/squarewatch")
	s.run("sh", "-e", "-c", installPage(s.t, "## Move to another host"))
	eventually(s.t, 30*time.Second, "the service is ready", s.ready)
	if got := strings.TrimSpace(s.run("stat", "--format=%a %U %G", serviceFile)); got != "640 root squarewatch" {
		s.t.Errorf("%s: got %s", serviceFile, got)
	}
	s.run("rm", "/root/squarewatch.db", "/root/squarewatch-etc.tar")
	report := s.run("squarewatch", "report", "--since", "1h", "--json")
	if !strings.Contains(report, `"rule": "server-errors"`) {
		s.t.Errorf("want the incident of before the move in the report, got\n%s", report)
	}
}

// removePackage removes the program. The configuration, the secrets and the state stay, and another installation goes on with them.
func (s *service) removePackage() {
	s.t.Helper()
	s.run("dpkg", "--remove", "squarewatch")
	if s.ready() {
		s.t.Error("the daemon still runs")
	}
	for _, path := range []string{serviceFile, secretsDir + "slack-webhook", "/var/lib/private/squarewatch/squarewatch.db"} {
		s.run("test", "-e", path)
	}
	if out, status := s.try("systemctl", "cat", serviceUnit); status == 0 && strings.Contains(out, "ExecStart=") {
		s.t.Errorf("want no unit, got\n%s", out)
	}
	s.run("dpkg", "--install", "/root/two.deb")
	s.run("systemctl", "enable", "--now", serviceUnit)
	eventually(s.t, 30*time.Second, "the service is ready", s.ready)
}

// purgePackage removes everything, the state and the user of the service included.
func (s *service) purgePackage() {
	s.t.Helper()
	s.run("apt-get", "purge", "--yes", "squarewatch")
	s.nothingLeft()
	if out, status := s.try("getent", "passwd", "squarewatch"); status == 0 {
		s.t.Errorf("want no user, got %s", out)
	}
	if out, status := s.try("getent", "group", "squarewatch"); status == 0 {
		s.t.Errorf("want no group, got %s", out)
	}
}
