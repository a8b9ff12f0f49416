//go:build e2e

package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"squarewatch/probe/aisquaretest"
)

// TestSignalsDuringTheStart sends signals to a daemon that waits for its file, which is a pipe.
func TestSignalsDuringTheStart(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "squarewatch.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(pipe, os.O_RDWR, 0) // keeps the pipe open: its reader waits
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	for _, command := range []string{"run", "check"} {
		cmd := exec.CommandContext(t.Context(), binary(t), command, "--config", pipe)
		start(t, cmd)
		eventually(t, 20*time.Second, command+" reads its file", func() bool { return reads(cmd.Process.Pid, pipe) })
		if command == "run" {
			if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			<-time.After(300 * time.Millisecond)
			if err := cmd.Process.Signal(syscall.Signal(0)); err != nil || !reads(cmd.Process.Pid, pipe) {
				t.Errorf("want the daemon to outlive SIGHUP during its start, got %v", err)
			}
		}
		if took, err := stop(t, cmd); took > 3*time.Second || command == "run" && err != nil {
			t.Errorf("%s: want the end at once after SIGTERM, got %v after %v", command, err, took)
		}
	}
}

// TestAStopDuringAReloadThatWaits replaces the file of a running daemon by a pipe whose writer is silent.
func TestAStopDuringAReloadThatWaits(t *testing.T) {
	server := aisquaretest.Start(aisquaretest.New(aisquaretest.Options{}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "squarewatch.yaml")
	text := "target: " + server.URL + "\ncatalogue: [reach]\nstate_dir: none\nlisten: 127.0.0.1:0\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := listenNotify(t)
	cmd := exec.CommandContext(t.Context(), binary(t), "run", "--config", file)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket.path)
	start(t, cmd)
	eventually(t, 20*time.Second, "READY=1", func() bool { return socket.count("READY=1") == 1 })
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "RELOADING=1", func() bool { return socket.count("RELOADING=1") == 1 })
	if took, err := stop(t, cmd); took > 5*time.Second || err != nil {
		t.Errorf("want the end at once after SIGTERM, got %v after %v", err, took)
	}
}

// reads reports whether a process has a file open.
func reads(pid int, path string) bool {
	files, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "fd", "*"))
	for _, file := range files {
		if to, err := os.Readlink(file); err == nil && to == path {
			return true
		}
	}
	return false
}
