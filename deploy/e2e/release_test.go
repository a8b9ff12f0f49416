//go:build e2e

package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestARelease makes a release in a copy of the repository: without a tag it is refused, and with one it has everything.
func TestARelease(t *testing.T) {
	copied := filepath.Join(t.TempDir(), "squarewatch")
	system(t, "git", "clone", "--quiet", "--no-hardlinks", "../..", copied)
	release := func() (string, error) {
		out, err := exec.CommandContext(t.Context(), "make", "--silent", "-C", copied, "release", "ARCHES="+runtime.GOARCH).CombinedOutput()
		return string(out), err
	}
	if out, err := release(); err == nil || !strings.Contains(out, "no release: this commit has no tag") {
		t.Fatalf("without a tag: want a refusal, got %v\n%s", err, out)
	}
	git := func(args ...string) {
		system(t, "git", append([]string{"-C", copied, "-c", "user.name=Test", "-c", "user.email=test@example.org"}, args...)...)
	}
	git("tag", "v0.1.0")
	if out, err := release(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	directory := filepath.Join(copied, "bin/release")
	notes, err := os.ReadFile(filepath.Join(directory, "NOTES.md"))
	if err != nil || !strings.HasPrefix(string(notes), "# squarewatch 0.1.0\n\n### Upgrade\n") || strings.Contains(string(notes), "\n## ") {
		t.Errorf("want the notes of 0.1.0 alone, got %v\n%s", err, notes)
	}
	if got := filepath.Base(onlyFile(t, directory, ".deb")); got != "squarewatch_0.1.0-1_"+runtime.GOARCH+".deb" {
		t.Errorf("got %s", got)
	}
	system(t, "sh", "-c", `cd "$1" && sha256sum --check --quiet SHA256SUMS`, "sh", directory)
	unpacked := t.TempDir()
	system(t, "dpkg-deb", "--extract", onlyFile(t, directory, ".deb"), unpacked)
	out, err := exec.CommandContext(t.Context(), filepath.Join(unpacked, "usr/bin/squarewatch"), "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "squarewatch v0.1.0, commit ") {
		t.Errorf("want the version of the tag, got %v, %s", err, out)
	}

	git("tag", "--delete", "v0.1.0")
	git("tag", "v99.0.0")
	if out, err := release(); err == nil || !strings.Contains(out, "CHANGELOG.md has no section '## 99.0.0'") {
		t.Errorf("without its section: want a refusal, got %v\n%s", err, out)
	}
}
