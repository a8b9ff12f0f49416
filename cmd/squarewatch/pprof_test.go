package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestProfilesAreServedHere(t *testing.T) {
	var log bytes.Buffer
	wait, err := serveProfiles(t.Context(), "127.0.0.1:0", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer wait()
	page := regexp.MustCompile(`http://[^/]+/debug/pprof/`).FindString(log.String())
	for _, name := range []string{"", "heap?debug=1", "goroutine?debug=1"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: want 200, got %d", request.URL, answer.StatusCode)
		}
		client.CloseIdleConnections()
	}
}

func TestProfilesAreServedOnLoopbackOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:6060", ":6060", "192.0.2.1:6060", "example.com:6060", "6060", "[::]:6060"} {
		_, err := serveProfiles(t.Context(), address, discardLogger())
		if !isUsage(err) || !strings.Contains(err.Error(), "127.0.0.1:6060") {
			t.Errorf("%s: want it refused with advice, got %v", address, err)
		}
	}
}
