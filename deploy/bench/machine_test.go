//go:build bench

package bench_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// recordingHere returns a recording that says what this machine is.
func recordingHere(tb testing.TB) recording {
	tb.Helper()
	versions := []string{runtime.Version()}
	for _, program := range []string{"prometheus-blackbox-exporter", "prometheus"} {
		line, _, _ := strings.Cut(said(tb, program, "--version"), " (")
		versions = append(versions, strings.Replace(line, ", version", "", 1))
	}
	return recording{
		Commit:  said(tb, "git", "log", "-1", "--format=%h of %cs"),
		Command: "make bench-record",
		Machine: fmt.Sprintf("%s, %d cores, %s GB, Linux %s, %s", found(tb, "/proc/cpuinfo", `model name\s*: (.+)`), runtime.NumCPU(),
			found(tb, "/proc/meminfo", `MemTotal:\s*(\d+)\d{6} kB`), said(tb, "uname", "-r"), runtime.GOARCH),
		Versions: strings.Join(versions, ", "),
		Load:     found(tb, "/proc/loadavg", `^(\S+)`),
	}
}

// said returns the first line that a command prints.
func said(tb testing.TB, name string, arguments ...string) string {
	tb.Helper()
	text, err := exec.CommandContext(tb.Context(), name, arguments...).CombinedOutput()
	if err != nil {
		tb.Fatalf("%s: %v\n%s", name, err, text)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// found returns the first group of a pattern in a file.
func found(tb testing.TB, path, pattern string) string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	match := regexp.MustCompile(pattern).FindSubmatch(text)
	if match == nil {
		tb.Fatalf("%s has no %s", path, pattern)
	}
	return string(match[1])
}
