package probe_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// TestTheLoginServiceGetsThePauseThatItAsksFor has a service that throttles with 429 and Retry-After, as Django REST framework does
// (https://www.django-rest-framework.org/api-guide/throttling/). A run each second needs a token.
func TestTheLoginServiceGetsThePauseThatItAsksFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		throttled := aisquaretest.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"60"}}}
		m.api.SetFault(loginPath, throttled)
		start := time.Now()
		for time.Since(start) < 59*time.Second {
			m.run(t)
			<-time.After(time.Second)
		}
		if n := asked(m, loginPath); n != 1 {
			t.Errorf("want one login in the 60 s, got %d", n)
		}
		m.api.ClearFaults()
		<-time.After(2 * time.Second)
		if r := m.run(t); !r.Expected {
			t.Errorf("want a login after the pause, got %s", r.Reason)
		}
	})
}

// TestARefreshThatIsThrottledIsNotFollowedByALogin checks that a pause holds for the whole service, and also for refused tokens.
func TestARefreshThatIsThrottledIsNotFollowedByALogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{AccessLifetime: time.Hour, RefreshLifetime: 24 * time.Hour})
		m.run(t)
		throttled := aisquaretest.Fault{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"300"}}}
		m.api.SetFault(refreshPath, throttled)
		<-time.After(51 * time.Minute)
		m.run(t)
		synctest.Wait()
		m.api.SetFault(collectionsPath, aisquaretest.Fault{Status: http.StatusUnauthorized})
		for range 4 {
			<-time.After(time.Minute)
			m.run(t)
		}
		if logins, refreshes := asked(m, loginPath), asked(m, refreshPath); logins != 1 || refreshes != 1 {
			t.Errorf("want the first login and one refresh, got %d and %d", logins, refreshes)
		}
		m.api.ClearFaults()
		<-time.After(2 * time.Minute)
		if r := m.run(t); r.Class != probe.Success {
			t.Errorf("want a good run after the pause, got %s", r.Reason)
		}
	})
}

// asked returns how many requests a path got.
func asked(m *loginFixture, path string) (n int) {
	for _, r := range m.api.Requests() {
		if r.Path == path {
			n++
		}
	}
	return n
}

// TestALoginPathThatRedirectsIsNamed has a path without the slash at its end, which Django redirects:
// https://docs.djangoproject.com/en/stable/ref/settings/#append-slash.
func TestALoginPathThatRedirectsIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		m.api.SetFault(loginPath, aisquaretest.Fault{RedirectTo: "http://api.test/api/v1/token", Status: http.StatusMovedPermanently})
		r := m.run(t)
		if want := "the login service answered 301, a redirect to /api/v1/token: write that as login.path"; !strings.Contains(r.Reason, want) {
			t.Errorf("want %q, got %q", want, r.Reason)
		}
	})
}
