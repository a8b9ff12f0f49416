package main

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// crowd bounds the connections of a server. Above the limit it closes the one that has waited longest, first among those without a
// request. So a client that opens connections without end takes no descriptors from probes and messages, and locks nobody out.
type crowd struct {
	limit int

	mu    sync.Mutex
	conns map[net.Conn]waiting
}

// waiting is the state of a connection and when it began.
type waiting struct {
	busy  bool // a request is being read or answered
	since time.Time
}

func newCrowd(limit int) *crowd { return &crowd{limit: limit, conns: map[net.Conn]waiting{}} }

// observe is the ConnState of a server.
func (c *crowd) observe(conn net.Conn, state http.ConnState) {
	if victim := c.note(conn, state); victim != nil {
		_ = victim.Close()
	}
}

// note takes a change of a connection and returns the one to close; nil for none.
func (c *crowd) note(conn net.Conn, state http.ConnState) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateClosed, http.StateHijacked:
		delete(c.conns, conn)
		return nil
	case http.StateNew, http.StateActive, http.StateIdle:
	}
	c.conns[conn] = waiting{busy: state == http.StateActive, since: time.Now()}
	if len(c.conns) <= c.limit {
		return nil
	}
	var victim net.Conn
	for candidate, at := range c.conns {
		if candidate == conn {
			continue
		}
		if longest := c.conns[victim]; victim == nil || longest.busy && !at.busy || longest.busy == at.busy && at.since.Before(longest.since) {
			victim = candidate
		}
	}
	delete(c.conns, victim)
	return victim
}
