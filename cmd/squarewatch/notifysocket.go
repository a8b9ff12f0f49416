package main

import (
	"fmt"
	"log/slog"
	"net"
	"sync"
)

// notifySocket is the socket of the service manager; see sd_notify(3). It stays open, because a process without free descriptors must still
// be able to report that it works.
type notifySocket struct {
	path string

	mu   sync.Mutex
	conn *net.UnixConn // nil when it could not be opened
}

// newNotifySocket opens the socket that NOTIFY_SOCKET names. Without the variable it does nothing.
func newNotifySocket(path string) *notifySocket {
	s := &notifySocket{path: path}
	if path != "" {
		s.conn, _ = s.dial() // tried again by send, which reports the error
	}
	return s
}

func (s *notifySocket) dial() (*net.UnixConn, error) {
	return net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.path, Net: "unixgram"})
}

// send notifies the service manager of a state. After a failure it opens the socket again, once.
func (s *notifySocket) send(state string) (err error) {
	if s.path == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		if _, err = s.conn.Write([]byte(state)); err == nil {
			return nil
		}
		_ = s.conn.Close()
	}
	if s.conn, err = s.dial(); err != nil {
		s.conn = nil
		return fmt.Errorf("open the socket of the service manager: %w", err)
	}
	_, err = s.conn.Write([]byte(state))
	return err
}

// notifySystemd returns the function that notifies the service manager of a state; outside systemd it does nothing.
func notifySystemd(path string, logger *slog.Logger) func(state string) {
	socket := newNotifySocket(path)
	return func(state string) {
		if err := socket.send(state); err != nil {
			logger.Warn("cannot notify the service manager", "state", state, "error", err)
		}
	}
}
