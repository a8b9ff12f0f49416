package aisquaretest

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// Request is a request that the API has answered.
type Request struct {
	Time          time.Time // end of the answer
	Method        string
	Path          string
	Query         string
	Status        int // 0 when the exchange was broken off
	TraceParent   string
	UserAgent     string
	Authorization bool // the request had a credential
	Cookie        bool
	RemoteAddr    string
	Protocol      string
}

// journal records requests. The API's lock guards it.
type journal struct {
	keep     int
	requests []Request
	counts   map[string]map[int]int // requests by path and status
	total    int
}

// record adds a request to the journal.
func (a *API) record(r *http.Request, answer *answer) {
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
	if len(j.requests) >= 2*j.keep { // not at every request, so that the cost per request is constant
		j.requests = slices.Delete(j.requests, 0, len(j.requests)-j.keep+1)
	}
	j.requests = append(j.requests, Request{
		Time: time.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Status: answer.status,
		TraceParent: r.Header.Get("Traceparent"), UserAgent: r.UserAgent(), Authorization: r.Header.Get("Authorization") != "",
		Cookie: r.Header.Get("Cookie") != "", RemoteAddr: r.RemoteAddr, Protocol: r.Proto,
	})
}

// Requests returns the newest requests, oldest first, at most Options.KeepRequests.
func (a *API) Requests() []Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	kept := a.journal.requests
	return slices.Clone(kept[max(0, len(kept)-max(0, a.journal.keep)):])
}

// Counts returns the number of requests to a path by status. Status 0 means that the exchange was broken off.
func (a *API) Counts(path string) map[int]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.journal.counts[path])
}

// Total returns the number of all requests.
func (a *API) Total() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.journal.total
}
