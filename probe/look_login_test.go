package probe_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// disable makes an API like simplejwt after an account was disabled: a refresh works, its tokens are refused, and the login too.
func (m *loginFixture) disable() {
	m.api.SetFault(collectionsPath, aisquaretest.Fault{Status: 401, Body: `{"detail": "User is inactive", "code": "user_inactive"}`})
	m.api.SetFault(loginPath, aisquaretest.Fault{Status: 401, Body: `{"detail": "No active account found with the given credentials"}`})
}

// TestADisabledAccountIsBlamedOnTheCredential disables the account while the token is valid, and after it has expired.
func TestADisabledAccountIsBlamedOnTheCredential(t *testing.T) {
	for name, age := range map[string]time.Duration{"a valid token": 30 * time.Minute, "an expired token": 61 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			m := newLoginFixture(t, aisquaretest.Options{AccessLifetime: time.Hour})
			m.run(t)
			<-time.After(age)
			m.disable()
			for range 5 {
				r := m.run(t)
				why := because(r)
				if r.Blame != probe.BlameCredential || !strings.Contains(why, "No active account") || !strings.Contains(why, "user_inactive") {
					t.Errorf("%s: want our account blamed, got %q (%s)", name, r.Blame, why)
				}
				<-time.After(10 * time.Second)
			}
			if n := m.api.Counts(loginPath)[401]; n < 1 || n > 7 {
				t.Errorf("%s: want the login asked, with a back-off, got %d requests", name, n)
			}
		})
	}
}

// TestTheLoginIsAskedWhenAnOutageIsOver has an outage of the whole API, in which the token expires.
func TestTheLoginIsAskedWhenAnOutageIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{AccessLifetime: 5 * time.Minute, RefreshLifetime: time.Hour})
		j := m.job(t, probe.Probe{Path: collectionsPath, Credential: "member"})
		j.Run(t.Context(), time.Now())
		m.api.SetFault("*", aisquaretest.Fault{Status: 500})
		for range 60 {
			<-time.After(30 * time.Second)
			if r := j.Run(t.Context(), time.Now()); r.Class != probe.ServerError || r.Blame != probe.BlameAPI {
				t.Fatalf("want the API blamed, got %v, %q (%s)", r.Class, r.Blame, because(r))
			}
		}
		m.api.ClearFaults()
		<-time.After(time.Second)
		if r := j.Run(t.Context(), time.Now()); !r.Expected || causes(r) != "first resend" {
			t.Errorf("want an immediate login and a healthy run, got %q: %s", causes(r), r.Reason)
		}
	})
}

// TestAllProbesWaitForTheLoginAfterAnOutage has no token when the outage is over.
func TestAllProbesWaitForTheLoginAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		m.api.SetFault("*", aisquaretest.Fault{Status: 500})
		for range 20 {
			m.run(t)
			<-time.After(10 * time.Second)
		}
		m.api.ClearFaults()
		m.api.SetFault(loginPath, aisquaretest.Fault{Delay: time.Second})
		var runs sync.WaitGroup
		for range 10 {
			runs.Go(func() {
				if r := m.run(t); !r.Expected {
					t.Errorf("want a healthy run after the outage, got %q: %s", causes(r), r.Reason)
				}
			})
		}
		runs.Wait()
		if n := m.api.Logins(); n != 1 {
			t.Errorf("want one login, got %d", n)
		}
	})
}

// TestALoginServiceThatStaysDownIsAskedRarely has endpoints that work and a login service that does not: the back-off applies.
func TestALoginServiceThatStaysDownIsAskedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		m.api.SetFault(loginPath, aisquaretest.Fault{Status: 503})
		j := m.job(t, probe.Probe{Path: collectionsPath, Credential: "member"})
		for range 360 { // an hour
			if r := j.Run(t.Context(), time.Now()); r.Blame != probe.BlameLoginService {
				t.Fatalf("want the login service blamed, got %q (%s)", r.Blame, because(r))
			}
			<-time.After(10 * time.Second)
		}
		if n := m.api.Counts(loginPath)[503]; n > 25 {
			t.Errorf("want at most 25 logins in an hour, got %d", n)
		}
	})
}

// TestARefusedNewTokenIsReplacedOnce has a token that is refused ten seconds after its issue.
func TestARefusedNewTokenIsReplacedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		m.run(t)
		<-time.After(10 * time.Second)
		m.api.RotateSigningKey()
		if r := m.run(t); !r.Expected || causes(r) != "first resend" {
			t.Errorf("want the 401 repaired by a renewal, got %q: %s", causes(r), r.Reason)
		}
		<-time.After(10 * time.Second)
		m.api.SetFault(collectionsPath, aisquaretest.Fault{Status: 401})
		r, o := probe.RunObserved(t.Context(), m.job(t, probe.Probe{Path: collectionsPath, Credential: "member"}))
		if r.Blame != probe.BlameAPI || !o.NewToken || !o.Renewal.LoggedIn || causes(r) != "first" {
			t.Errorf("want no second renewal and the API blamed, got %q, %q (%s)", causes(r), r.Blame, because(r))
		}
	})
}

// TestARefusedTokenIsRefreshedIfTheLoginFails has a login that fails while a refresh works.
func TestARefusedTokenIsRefreshedIfTheLoginFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		m.run(t)
		<-time.After(2 * time.Minute)
		m.api.SetFault(loginPath, aisquaretest.Fault{Status: 503})
		m.api.SetFault(collectionsPath, aisquaretest.Fault{Status: 401, Rate: 0.6})
		m.run(t)
		if r := m.run(t); m.api.Refreshes() == 0 {
			t.Errorf("want a refresh, got %q: %s", causes(r), r.Reason)
		}
	})
}
