package main

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"net"
	"strings"
	"syscall"
	"testing"

	"squarewatch/config"
	"squarewatch/probe"
	"squarewatch/probe/dispatch"
)

// TestDescriptorsAreDivided checks for several limits that the port and the socket together get fewer descriptors than probes leave.
func TestDescriptorsAreDivided(t *testing.T) {
	for limit, want := range map[uint64]struct {
		kept        uint64
		connections int
	}{
		20:             {5, 2},
		64:             {16, 6},
		256:            {64, 25},
		1024:           {256, 102},
		65536:          {320, 128},
		math.MaxUint64: {320, 128},
	} {
		if kept, n := keptDescriptors(limit), connectionsOf(limit); kept != want.kept || n != want.connections {
			t.Errorf("%d: want %+v, got %d and %d", limit, want, kept, n)
		}
		if left := keptDescriptors(limit) - 2*uint64(connectionsOf(limit)); left < 1 || left > keptDescriptors(limit) {
			t.Errorf("%d: the port and the socket take all that is kept", limit)
		}
	}
	if n := connectionsOf(4); n != 1 {
		t.Errorf("want one connection with the smallest limit, got %d", n)
	}
}

// TestAProbeLeavesTheHighestDescriptors dials with a limit just above the number of the socket, and with limits far above it.
func TestAProbeLeavesTheHighestDescriptors(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	dial := func(limit func(number uint64) uint64) error {
		d := net.Dialer{Control: func(_, _ string, socket syscall.RawConn) error {
			var number uint64
			if err := socket.Control(func(fd uintptr) { number = uint64(fd) }); err != nil {
				return err
			}
			return keepFrom(limit(number), socket)
		}}
		conn, err := d.Dial("tcp", listener.Addr().String())
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	if err := dial(func(number uint64) uint64 { return number + 1 }); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("the last descriptor: want it refused with EMFILE, got %v", err)
	}
	if err := dial(func(number uint64) uint64 { return 2*number + 8 }); err != nil {
		t.Errorf("a low descriptor: want a connection, got %v", err)
	}
	if err := dial(func(uint64) uint64 { return math.MaxUint64 }); err != nil {
		t.Errorf("no limit: want a connection, got %v", err)
	}
}

func TestALowLimitIsLogged(t *testing.T) {
	var cfg config.Config
	cfg.Probes, cfg.Limits = make([]probe.Probe, 40), dispatch.DefaultLimits()
	for limit, want := range map[uint64]bool{20: true, 64: true, 128: false, 1024: false, math.MaxUint64: false} {
		var log bytes.Buffer
		warnOfDescriptors(slog.New(slog.NewTextHandler(&log, nil)), limit, &cfg)
		if got := strings.Contains(log.String(), "limit of open descriptors"); got != want {
			t.Errorf("%d: want a warning: %v, got %q", limit, want, log.String())
		}
	}
}
