package main

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAMessageOfALibraryIsLoggedOnceWhileItsCauseLasts logs the message of net/http about a body after a 204, for one kept connection after
// another (https://github.com/golang/go/blob/master/src/net/http/transport.go, readLoopPeekFailLocked).
func TestAMessageOfALibraryIsLoggedOnceWhileItsCauseLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		logger := slog.New(foreignText{slog.NewTextHandler(&lines, nil), &repeats{seen: map[string]time.Time{}}})
		say := func(message string) int {
			before := strings.Count(lines.String(), "\n")
			logger.Warn(message) //nolint:sloglint // of a library
			return strings.Count(lines.String(), "\n") - before
		}
		for run := range 200 {
			want := 0
			if run == 0 {
				want = 1
			}
			message := fmt.Sprintf("Unsolicited response received on idle HTTP channel starting with %q; err=<nil>", strconv.Itoa(run))
			if got := say(message); got != want {
				t.Fatalf("run %d: want %d lines, got %d", run, want, got)
			}
			<-time.After(time.Minute)
		}
		if say("http2: another message") != 1 || say("http2: another message") != 0 {
			t.Error("want each message once")
		}
		<-time.After(2 * time.Hour)
		if say("http2: another message") != 1 {
			t.Error("want the message logged again after an hour without it")
		}
		for run := range 500 {
			if say(fmt.Sprintf("http: TLS handshake error from 192.0.2.1:%d: EOF", run)) != 1 {
				t.Fatal("want different messages logged")
			}
		}
	})
}
