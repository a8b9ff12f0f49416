//go:build e2e

package e2e_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// queryRPM asks rpm about a package that is not installed.
func queryRPM(t *testing.T, file string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "rpm", append([]string{"--query", "--package", file}, args...)...).Output()
	if err != nil {
		t.Fatalf("rpm %v: %v", args, err)
	}
	return string(out)
}

// checkRPM looks at what is in a package, and at what it needs.
func checkRPM(t *testing.T, file string) {
	t.Helper()
	system(t, "rpm", "--checksig", "--nosignature", file)
	files := queryRPM(t, file, "--queryformat", `[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILENAMES}\n]`)
	for _, want := range []string{
		"-rwxr-xr-x root root /usr/bin/squarewatch",
		"drwx------ root root /etc/squarewatch/credentials",
		"-rw-r--r-- root root /usr/lib/systemd/system/squarewatch.service",
		"-rw-r--r-- root root /usr/lib/systemd/system/squarewatch@.service",
		"-rw-r--r-- root root /usr/lib/sysusers.d/squarewatch.conf",
		"-rw-r--r-- root root /usr/share/squarewatch/squarewatch.example.yaml",
		"-rw-r--r-- root root /usr/share/man/man1/squarewatch-silence-add.1.gz",
		"-rw-r--r-- root root /usr/share/zsh/site-functions/_squarewatch",
		"-rw-r--r-- root root /usr/share/doc/squarewatch/third-party.txt.gz",
	} {
		if !strings.Contains(files, want+"\n") {
			t.Errorf("want %s in\n%s", want, files)
		}
	}
	requires := queryRPM(t, file, "--requires")
	for _, want := range []string{"ca-certificates", "tzdata", "systemd"} {
		if !strings.Contains(requires, want+"\n") {
			t.Errorf("want a dependency on %s, got\n%s", want, requires)
		}
	}
}

// playRPM unpacks an .rpm into the machine and runs its scripts as rpm does: rpm calls them with the number of versions that are installed
// after the step, see "Scriptlet Execution" in https://rpm-software-management.github.io/rpm/manual/scriptlet_expansion.html.
func (s *service) playRPM(file string) {
	s.t.Helper()
	system(s.t, "sh", "-c", `rpm2cpio "$1" | cpio --quiet -idm --no-absolute-filenames -D "$2"`, "sh", file, s.path("/"))
	for _, tag := range []string{"POSTIN", "PREUN", "POSTUN"} {
		s.write("/root/"+tag, queryRPM(s.t, file, "--queryformat", "%{"+tag+"}"), 0o644)
	}
	out := s.run("sh", "/root/POSTIN", "1")
	if !strings.Contains(out, "systemctl enable --now squarewatch") || s.property("ActiveState") != "inactive" {
		s.t.Errorf("after the installation: want an inactive service and what is next, got\n%s", out)
	}
	if got := strings.TrimSpace(s.run("stat", "--format=%a %U %G", serviceFile)); got != "640 root squarewatch" {
		s.t.Errorf("%s: got %s", serviceFile, got)
	}
	s.write(serviceFile, s.config(s.listen), 0o640)
	s.configure()
	s.run("systemctl", "enable", "--now", serviceUnit)

	pid := s.property("MainPID")
	s.run("sh", "/root/POSTIN", "2")
	s.run("sh", "/root/PREUN", "1")
	s.run("sh", "/root/POSTUN", "1")
	if now := s.property("MainPID"); now == pid || now == "0" {
		s.t.Errorf("after an upgrade: want another process than %s, got %s", pid, now)
	}
	eventually(s.t, 30*time.Second, "the service is ready", s.ready)

	s.run("sh", "/root/PREUN", "0")
	s.run("sh", "/root/POSTUN", "0")
	if s.property("ActiveState") == "active" || s.property("UnitFileState") == "enabled" {
		s.t.Error("after the removal: want a stopped service that no longer starts")
	}
	s.run("test", "-e", serviceFile)
}
