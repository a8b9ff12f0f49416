package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe/aisquaretest"
)

// oneRefused is the beginning of a file in which several probes use one credential. The lines of the probes follow.
const oneRefused = `
target: http://127.0.0.1:1
state_dir: none
catalogue: none
credentials: {key: {api_key: aisq-demo-key}}
defaults: {schedule: "@every 1s", timeout: 2s, credential: key}
rules:
  - {name: unauthenticated, on: [401], per: credential, window: 10s, threshold: 20%, min_runs: 5}
notifiers: {ops: {slack: {webhook_url: "https://hooks.example.org/x"}, group_wait: 0s}}
probes:
`

// TestA401OnOneEndpointFiresUntilItIsOver covers both forms of the fault: one of ten probes, and a rare one of three.
func TestA401OnOneEndpointFiresUntilItIsOver(t *testing.T) {
	ten := strings.Repeat("  - {name: fast-N, path: /o/.well-known/openid-configuration}\n", 9)
	for n := range 9 {
		ten = strings.Replace(ten, "fast-N", "fast-"+string(rune('1'+n)), 1)
	}
	for name, test := range map[string]struct {
		probes string
		within time.Duration // in which the rule must fire
	}{
		"one of ten": {ten + "  - {name: sick, path: /api/v1/bookings/config/}\n", 10 * time.Second},
		"a rare one": {
			"  - {name: fast-1, path: /api/v1/collections/}\n  - {name: fast-2, path: /o/.well-known/openid-configuration}\n" +
				"  - {name: sick, path: /api/v1/bookings/config/, schedule: \"@every 7s\"}\n", 15 * time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSceneWith(t, oneRefused+test.probes, func(*Options) {})
				defer s.stop()
				<-time.After(20 * time.Second)
				s.api.SetFault("/api/v1/bookings/config/", aisquaretest.Fault{Status: 401, Body: `{"detail": "Invalid token."}`})
				<-time.After(test.within)
				synctest.Wait()
				if messages := s.inbox.take(); len(messages) != 1 || !strings.HasSuffix(messages[0], "firing unauthenticated key") {
					t.Fatalf("want one message within %v, got %q", test.within, messages)
				}
				<-time.After(time.Minute)
				synctest.Wait()
				if messages := s.inbox.take(); messages != nil {
					t.Errorf("want no message while the endpoint is still refused, got %q", messages)
				}
				s.api.ClearFaults()
				<-time.After(20 * time.Second)
				synctest.Wait()
				if messages := s.inbox.take(); len(messages) != 1 || !strings.HasSuffix(messages[0], "resolved unauthenticated key") {
					t.Errorf("want one end, got %q", messages)
				}
			})
		})
	}
}
