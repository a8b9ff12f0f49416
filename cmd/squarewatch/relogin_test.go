package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe/aisquaretest"
)

const (
	memberFile = `
target: http://127.0.0.1:1
state_dir: none
credentials:
  member:
    login: {path: /api/v1/token/, body: {username: ada, password: hush}}
    refresh_path: /api/v1/token/refresh/
defaults: {schedule: "@every 10s", credential: member}
probes:
  - {name: bookings, path: /api/v1/bookings/config/}
  - {name: collections, path: /api/v1/collections/}
rules: [{name: unauthenticated, on: [401], per: credential, window: 1m, threshold: 1%, min_runs: 1}]
notifiers: {ops: {slack: {webhook_url: "https://hooks.example.org/x"}, group_wait: 0s}}
`
	tokenPath = "/api/v1/token/"
)

// newMemberScene starts a daemon whose credential logs in.
func newMemberScene(t *testing.T) *scene {
	t.Helper()
	s := newSceneWith(t, memberFile, func(*Options) {})
	s.api.AddUser("ada", "hush")
	s.api.AddUser("eve", "quiet")
	return s
}

// logsIn checks the number of logins so far, and that no message was sent.
func (s *scene) logsIn(want int, why string) {
	s.t.Helper()
	s.expectNoMessage()
	if got := s.api.Logins(); got != want {
		s.t.Errorf("%s: want %d logins in all, got %d", why, want, got)
	}
}

func TestReloadDoesNotLogInAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemberScene(t)
		defer s.stop()
		s.api.SetFault("/api/v1/collections/", aisquaretest.Fault{Delay: 4 * time.Second})
		s.after(time.Minute)
		for range 7 { // during runs and between them, in every phase of the schedule
			s.after(11 * time.Second)
			s.reload(memberFile + "listen: 127.0.0.1:9477\n")
		}
		s.after(time.Minute)
		s.logsIn(1, "nothing changed")
		if n := strings.Count(s.log.String(), "configuration reloaded"); n != 7 {
			t.Fatalf("want 7 good reloads, got %d", n)
		}

		s.reload("target: nonsense")
		s.api.RotateSigningKey() // the generation that created the credential has ended
		s.after(time.Minute)
		s.logsIn(2, "the tokens are no longer valid")

		other := strings.Replace(memberFile, "username: ada, password: hush", "username: eve, password: quiet", 1)
		s.reload(other)
		s.after(time.Minute)
		s.logsIn(3, "another user")
		s.reload(strings.Replace(other, "127.0.0.1:1", "127.0.0.1:2", 1))
		s.after(time.Minute)
		s.logsIn(4, "a token of one target is not shown to another")
	})
}

// TestRunningLoginServesBothGenerations reloads while a login has no answer yet. The runs of both generations wait for it.
func TestRunningLoginServesBothGenerations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemberScene(t)
		defer s.stop()
		s.api.SetFault(tokenPath, aisquaretest.Fault{Delay: 4 * time.Second})
		for s.api.Logins() == 0 {
			s.after(500 * time.Millisecond)
			s.reload(memberFile)
		}
		s.after(time.Minute)
		s.logsIn(1, "the login was slow")
		if got := s.api.Counts(tokenPath); got[200] != 1 || len(got) != 1 {
			t.Errorf("want one completed request for a token, got %v", got)
		}
		for path, want := range map[string]int{"/api/v1/bookings/config/": 200, "/api/v1/collections/": 200} {
			if got := s.api.Counts(path); got[want] == 0 || len(got) != 1 {
				t.Errorf("%s: want only the status %d, got %v", path, want, got)
			}
		}
	})
}

// TestStoppingDoesNotWaitForARenewal stops while a run is refused near the end of the grace period and starts a renewal that hangs.
func TestStoppingDoesNotWaitForARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const path = "/api/v1/collections/"
		s := newMemberScene(t)
		defer s.stop()
		s.after(75 * time.Second)
		s.api.SetFault(tokenPath, aisquaretest.Fault{Hang: aisquaretest.HangBeforeHeaders})
		s.api.SetFault("/api/v1/token/refresh/", aisquaretest.Fault{Hang: aisquaretest.HangBeforeHeaders})
		s.api.SetFault(path, aisquaretest.Fault{Delay: 4 * time.Second, Status: 401})
		for s.api.Counts(path)[401] == 0 {
			s.after(100 * time.Millisecond)
		}
		s.after(6500 * time.Millisecond) // the next run has begun
		begin := time.Now()
		s.halt()
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("want the stop to end with the grace period, got %v", took)
		}
		if got := s.api.Counts(path)[401]; got != 2 {
			t.Errorf("want a run that is refused while the daemon stops, got %d refusals in all", got)
		}
	})
}
