package probe_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// TestAnAccountThatIsCreatedAgain removes the account for a time, at several moments of a token's life. The refresh token of the removed
// account still gets new access tokens, which the API refuses. The runs are good again when the longest pause between two logins is over.
func TestAnAccountThatIsCreatedAgain(t *testing.T) {
	for absent, most := range map[time.Duration]time.Duration{
		30 * time.Second: 40 * time.Second, 20 * time.Minute: 5*time.Minute + 10*time.Second,
	} {
		for second := 0; second < 10; second += 3 {
			t.Run(fmt.Sprintf("for %v from second %d", absent, second), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { recreateAccount(t, second, absent, most) })
			})
		}
	}
}

func recreateAccount(t *testing.T, second int, absent, most time.Duration) {
	t.Helper()
	m := newLoginFixture(t, aisquaretest.Options{AccessLifetime: 10 * time.Second})
	job := m.job(t, probe.Probe{Path: collectionsPath, Credential: "member"})
	run := func() *probe.Result {
		<-time.After(time.Second)
		return job.Run(t.Context(), time.Now())
	}
	for range 20 + second {
		if r := run(); !r.Expected {
			t.Fatalf("want good runs before, got %s", r.Reason)
		}
	}
	m.api.RemoveUser("ada")
	for begin := time.Now(); time.Since(begin) < absent; {
		run()
	}
	m.api.AddUser("ada", "hush")
	for begin := time.Now(); !run().Expected; {
		if time.Since(begin) > most {
			t.Fatalf("want a good run within %v", most)
		}
	}
	for range 60 {
		if r := run(); !r.Expected {
			t.Fatalf("want good runs after, got %s", r.Reason)
		}
	}
}

// TestATokenThatExpiresOnItsWayIsRefreshed has an API so slow that the token expires before the API checks it. The
// password has changed, but the refresh token is still valid, so that a refresh works and a login does not.
func TestATokenThatExpiresOnItsWayIsRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{AccessLifetime: 10 * time.Second})
		m.run(t)
		m.api.AddUser("ada", "another")
		<-time.After(6 * time.Second) // the token is too young to be renewed
		m.api.SetFault(collectionsPath, aisquaretest.Fault{Delay: 4500 * time.Millisecond})
		r := m.run(t)
		if !r.Expected || causes(r) != "first resend" || outcomes(r) != "refreshed" {
			t.Errorf("want a refresh and a second attempt, got %q, %q (%s)", causes(r), outcomes(r), r.Reason)
		}
	})
}

// TestARunWithoutAnAnswerSaysNothingAboutTheToken creates the account again. A refresh has returned a token that the API refuses, so the
// next renewal must log in. A run that gets no answer in between must not change that.
func TestARunWithoutAnAnswerSaysNothingAboutTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{AccessLifetime: 10 * time.Second})
		job := m.job(t, probe.Probe{Path: collectionsPath, Credential: "member", Timeout: 2 * time.Second})
		run := func() *probe.Result { return job.Run(t.Context(), time.Now()) }
		if r := run(); !r.Expected {
			t.Fatalf("want a good run before, got %s", r.Reason)
		}
		m.api.RemoveUser("ada")
		<-time.After(11 * time.Second)
		if r := run(); r.Code != 401 {
			t.Fatalf("want the token of the refresh refused, got %d (%s)", r.Code, r.Reason)
		}
		m.api.SetFault(collectionsPath, aisquaretest.Fault{Delay: time.Minute})
		if r := run(); r.Class != probe.Timeout {
			t.Fatalf("want a timeout, got %s", r.Reason)
		}
		m.api.SetFault(collectionsPath, aisquaretest.Fault{})
		m.api.AddUser("ada", "hush")
		<-time.After(11 * time.Second)
		if r := run(); !r.Expected || outcomes(r) != "logged_in" {
			t.Errorf("want a login and a good run, got %q (%s)", outcomes(r), r.Reason)
		}
	})
}
