package main

import (
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestTheServiceManagerIsNotifiedWithoutAFreeDescriptor first uses up all descriptors, and then restarts the service manager.
func TestTheServiceManagerIsNotifiedWithoutAFreeDescriptor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	manager := func() *net.UnixConn {
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	receives := func(conn *net.UnixConn, want string) {
		t.Helper()
		buffer := make([]byte, 100)
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := conn.Read(buffer); err != nil || string(buffer[:n]) != want {
			t.Errorf("want %s, got %s, %v", want, buffer[:n], err)
		}
	}
	first := manager()
	notify := notifySystemd(path, slog.New(slog.DiscardHandler))
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0); err == nil {
		t.Error("want no descriptor left")
	}
	notify("WATCHDOG=1")
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	receives(first, "WATCHDOG=1")
	_ = first.Close()
	if err := unix.Unlink(path); err != nil {
		t.Fatal(err)
	}
	second := manager()
	defer func() { _ = second.Close() }()
	notify("READY=1")
	receives(second, "READY=1")
	notifySystemd("", slog.New(slog.DiscardHandler))("READY=1") // outside of systemd
}
