package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthAsksTheRunningDaemon(t *testing.T) {
	l := newLive(t)
	l.wants(exitOK, `^squarewatch is healthy\n$`, "health")
	l.wants(exitOK, `^squarewatch is healthy\n$`, "health", "--address", strings.TrimPrefix(l.url, "http://"))
	l.wants(exitNoDaemon, `ask the daemon at http://127.0.0.1:1: `, "health", "--address", "127.0.0.1:1")
}

// TestHealthNeedsNoFile asks a daemon that does not work: the container's health check knows the address alone.
func TestHealthNeedsNoFile(t *testing.T) {
	sick := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/-/healthy" {
			http.Error(w, errUnhealthy([]trouble{{part: partDelivery, reason: "nothing was sent"}}).Error(), http.StatusServiceUnavailable)
		}
	}))
	defer sick.Close()
	var out bytes.Buffer
	status := run(t.Context(), process{
		args: []string{"health", "--address", strings.TrimPrefix(sick.URL, "http://")}, env: func(string) (string, bool) { return "", false },
		stdout: &out, stderr: &out,
	})
	const want = "squarewatch: the daemon answered 503: squarewatch does not work as it should: delivery: nothing was sent\n"
	if status != exitFailed || out.String() != want {
		t.Errorf("want status %d and %q, got %d and %q", exitFailed, want, status, out.String())
	}
}
