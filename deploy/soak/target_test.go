//go:build soak

package soak_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"squarewatch/probe/aisquaretest"
)

// The account that logs in, and how long its tokens live. They expire all the time, so that a fault of the login service matters.
const (
	member          = "ada"
	password        = "lovelace-1815"
	accessLifetime  = 12 * time.Second
	refreshLifetime = 45 * time.Second
	loginPath       = "/api/v1/token/"
	refreshPath     = "/api/v1/token/refresh/"
)

// paths are the endpoints of the target. Each has a probe. A message names ten others at most, so that there are no more.
func paths() (list []string) {
	for i := range 10 {
		list = append(list, fmt.Sprintf("/endpoint/%d/", i))
	}
	return list
}

// nameOf returns the name of the probe of an endpoint.
func nameOf(path string) string {
	return "p" + strings.TrimSuffix(strings.TrimPrefix(path, "/endpoint/"), "/")
}

// credentialOf returns the credential of the probe of an endpoint.
func credentialOf(path string) string {
	switch path {
	case "/endpoint/0/", "/endpoint/1/", "/endpoint/2/", "/endpoint/3/":
		return "member"
	case "/endpoint/4/", "/endpoint/5/":
		return "owner"
	}
	return "none"
}

// realPath returns the path of the API that an endpoint stands for. Those of a credential refuse a request without one.
func realPath(path string) string {
	if credentialOf(path) == "none" {
		return "/api/v1/aistudios/experiences/flattened/"
	}
	return "/api/v1/collections/"
}

// request is a request that the target got.
type request struct {
	path, trace string // trace is that of its traceparent, empty for none
	at          time.Time
}

// broken is a fault of an endpoint, for a share of its requests.
type broken struct {
	aisquaretest.Fault

	every int // 0 for all requests, else 2 of so many
}

// target is the API. It has the paths of the soak, each of which stands for an endpoint of the API and can be broken for itself.
type target struct {
	api    *aisquaretest.API
	server *httptest.Server
	parts  map[string]*troubles[broken] // by path, of the soak or of the API

	mu       sync.Mutex
	now      map[string]*broken // by path
	seen     map[string]int     // requests by path
	requests []request
}

func newTarget() *target {
	t := &target{
		api: aisquaretest.New(aisquaretest.Options{
			KeepRequests: -1, AccessLifetime: accessLifetime, RefreshLifetime: refreshLifetime,
		}),
		parts: map[string]*troubles[broken]{}, now: map[string]*broken{}, seen: map[string]int{},
	}
	t.api.AddUser(member, password)
	for _, path := range append(paths(), "/endpoint/further/", loginPath, refreshPath) {
		t.parts[path] = &troubles[broken]{apply: func(what *broken) { t.apply(path, what) }}
	}
	t.server = aisquaretest.Start(t)
	return t
}

func (t *target) apply(path string, what *broken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now[path] = what
	if what == nil {
		t.api.ClearFault(path)
		return
	}
	t.api.SetFault(path, what.Fault)
}

// ServeHTTP answers as the API, unless the endpoint is broken.
func (t *target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if !strings.HasPrefix(path, "/endpoint/") {
		t.api.ServeHTTP(w, r)
		return
	}
	what := t.note(path, r)
	if what != nil && (what.Status != 0 || what.Hang != "" || what.Break != "") {
		t.api.ServeHTTP(w, r)
		return
	}
	if what != nil { // it is only slow
		delay := time.NewTimer(what.Delay)
		defer delay.Stop()
		select {
		case <-delay.C:
		case <-r.Context().Done():
		}
	}
	real := r.Clone(r.Context())
	real.URL.Path = realPath(path)
	t.api.ServeHTTP(w, real)
}

// note records a request, and returns the fault that it meets; nil for none.
func (t *target) note(path string, r *http.Request) *broken {
	t.mu.Lock()
	defer t.mu.Unlock()
	trace := ""
	if parts := strings.Split(r.Header.Get("Traceparent"), "-"); len(parts) == 4 {
		trace = parts[1]
	}
	t.requests = append(t.requests, request{path, trace, time.Now()})
	what := t.now[path]
	if what == nil || what.every == 0 {
		return what
	}
	if t.seen[path]++; t.seen[path]%what.every < 2 {
		return what
	}
	return nil
}
