package main

import (
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// connectionLimit limits the connections of a server. Above the limit it closes the connection that has waited longest, preferably one
// without a request. A client with many connections then takes no descriptors from probes and messages, and other clients can connect.
type connectionLimit struct {
	limit int

	mu    sync.Mutex
	conns map[net.Conn]waiting
}

// waiting is the state of a connection and when it began.
type waiting struct {
	busy  bool // a request is being read or answered
	since time.Time
}

func newConnectionLimit(limit int) *connectionLimit {
	return &connectionLimit{limit: limit, conns: map[net.Conn]waiting{}}
}

// observe is the ConnState callback of a server. It closes a connection when there are more than the limit.
func (c *connectionLimit) observe(conn net.Conn, state http.ConnState) {
	if victim := c.update(conn, state); victim != nil {
		_ = victim.Close()
	}
}

// update records a change of a connection and returns the connection to close; nil for none.
func (c *connectionLimit) update(conn net.Conn, state http.ConnState) net.Conn {
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
		longest := c.conns[victim]
		if victim == nil || longest.busy && !at.busy || longest.busy == at.busy && at.since.Before(longest.since) {
			victim = candidate
		}
	}
	delete(c.conns, victim)
	return victim
}

// answerLimit limits how many answers of a handler are written at one time. A further request cuts off the answer that began first. Clients
// that read slowly then hold little memory, and other clients get answers.
type answerLimit struct {
	next  http.Handler
	limit int

	mu      sync.Mutex
	written []*http.ResponseController // oldest first
}

// limitAnswers returns a handler with a limit.
func limitAnswers(next http.Handler, limit int) *answerLimit {
	return &answerLimit{next: next, limit: limit}
}

// ServeHTTP is part of http.Handler.
func (l *answerLimit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	l.begin(control)
	defer l.end(control)
	l.next.ServeHTTP(w, r)
}

func (l *answerLimit) begin(control *http.ResponseController) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written = append(l.written, control)
	for ; len(l.written) > l.limit; l.written = l.written[1:] {
		_ = l.written[0].SetWriteDeadline(time.Unix(1, 0)) // a write that waits for the client fails now, and the next one too
	}
}

func (l *answerLimit) end(control *http.ResponseController) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written = slices.DeleteFunc(l.written, func(other *http.ResponseController) bool { return other == control })
}
