package aisquaretest

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// Request is one request that was served.
type Request struct {
	Time          time.Time // when the answer was done
	Method        string
	Path          string
	Query         string
	Status        int // 0 when the exchange was cut off
	TraceParent   string
	UserAgent     string
	Authorization bool // a credential came with it
	Cookie        bool
	RemoteAddr    string
	Protocol      string
}

// journal holds what was served. The API's lock guards it.
type journal struct {
	keep     int
	requests []Request
	counts   map[string]map[int]int // path to status to number
	total    int
}

func (a *API) note(r *http.Request, answer *answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	j := &a.journal
	j.total++
	counts := j.counts[r.URL.Path]
	if counts == nil {
		counts = map[int]int{}
		j.counts[r.URL.Path] = counts
	}
	counts[answer.status]++
	if j.keep < 0 {
		return
	}
	if len(j.requests) >= 2*j.keep { // now and then, so that a request costs the same
		j.requests = slices.Delete(j.requests, 0, len(j.requests)-j.keep+1)
	}
	j.requests = append(j.requests, Request{
		Time: time.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Status: answer.status,
		TraceParent: r.Header.Get("Traceparent"), UserAgent: r.UserAgent(), Authorization: r.Header.Get("Authorization") != "",
		Cookie: r.Header.Get("Cookie") != "", RemoteAddr: r.RemoteAddr, Protocol: r.Proto,
	})
}

// Requests returns the newest requests, oldest first, at most as many as the options keep.
func (a *API) Requests() []Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	kept := a.journal.requests
	return slices.Clone(kept[max(0, len(kept)-max(0, a.journal.keep)):])
}

// Counts returns how many requests to a path were answered with each status; 0 stands for exchanges cut off.
func (a *API) Counts(path string) map[int]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.journal.counts[path])
}

// Total returns how many requests there were in all.
func (a *API) Total() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.journal.total
}
