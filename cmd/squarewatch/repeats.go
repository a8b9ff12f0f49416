package main

import (
	"strings"
	"sync"
	"time"
)

// When a message has not come for repeatTime, its cause counts as ended, and the next one is logged again.
const repeatTime = time.Hour

// mostSeen is how many messages are remembered at most.
const mostSeen = 100

// repeats remembers messages, so that each is logged once while its cause lasts. A server that sends a body after a 204, for example,
// makes net/http report each of its kept connections (readLoopPeekFailLocked in
// https://github.com/golang/go/blob/master/src/net/http/transport.go).
type repeats struct {
	mu   sync.Mutex
	seen map[string]time.Time // when a message came last
}

// again reports whether a message came before, less than repeatTime ago. It ignores the part of an answer that the message quotes.
func (r *repeats) again(message string, now time.Time) bool {
	key, _, _ := strings.Cut(message, " starting with ")
	r.mu.Lock()
	defer r.mu.Unlock()
	last, known := r.seen[key]
	if !known && len(r.seen) >= mostSeen { // messages that contain an address all differ
		clear(r.seen)
	}
	r.seen[key] = now
	return known && now.Sub(last) < repeatTime
}
