package probe_test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

func TestBlameOfALogin(t *testing.T) {
	for _, c := range []struct {
		name   string
		broken func(*aisquaretest.API)
		blame  probe.Blame
		says   string
	}{
		{
			"login refused", func(api *aisquaretest.API) { api.RotateSigningKey(); api.Revoke("ada") }, probe.BlameCredential,
			"the login was refused with 400",
		},
		{"login forbidden", func(api *aisquaretest.API) {
			api.RotateSigningKey()
			api.SetFault(loginPath, aisquaretest.Fault{Status: 403})
		}, probe.BlameCredential, "the login was refused with 403"},
		{"login moved", func(api *aisquaretest.API) {
			api.RotateSigningKey()
			api.SetFault(loginPath, aisquaretest.Fault{RedirectTo: "/elsewhere/"})
		}, probe.BlameLoginService, "the login service answered 302"},
		{"login gone", func(api *aisquaretest.API) {
			api.RotateSigningKey()
			api.SetFault(loginPath, aisquaretest.Fault{Status: 404})
		}, probe.BlameLoginService, "the login service answered 404"},
		{"login service broken", func(api *aisquaretest.API) {
			api.RotateSigningKey()
			api.SetFault(loginPath, aisquaretest.Fault{Status: 503})
		}, probe.BlameLoginService, "the login service answered 503"},
		{"login service silent", func(api *aisquaretest.API) {
			api.RotateSigningKey()
			api.SetFault(loginPath, aisquaretest.Fault{Hang: aisquaretest.HangBeforeHeaders})
		}, probe.BlameLoginService, "did not answer"},
		{"fresh token refused", func(api *aisquaretest.API) {
			api.SetFault(collectionsPath, aisquaretest.Fault{Status: 401})
		}, probe.BlameAPI, "answered 401"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newLoginFixture(t, aisquaretest.Options{})
				m.run(t)
				<-time.After(2 * time.Minute)
				c.broken(m.api)
				r := m.run(t)
				if r.Expected || r.Code != 401 || r.Blame != c.blame || !strings.Contains(r.Reason, c.says) {
					t.Errorf("want 401, blame %s and %q, got %d, blame %q and %q", c.blame, c.says, r.Code, r.Blame, r.Reason)
				}
				if strings.Contains(fmt.Sprintf("%+v", r), "hush") {
					t.Error("the password is in the result")
				}
			})
		})
	}
}

// TestLoginIsTriedAfterAFailedRefresh has a refresh that always fails, in different ways, over several lifetimes of a token.
func TestLoginIsTriedAfterAFailedRefresh(t *testing.T) {
	for name, fault := range map[string]aisquaretest.Fault{
		"500": {Status: 500}, "429": {Status: 429}, "200 without tokens": {Status: 200, Body: "{}"}, "404": {Status: 404},
		"hangs": {Hang: aisquaretest.HangBeforeHeaders}, "reset": {Break: aisquaretest.BreakClose},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newLoginFixture(t, aisquaretest.Options{AccessLifetime: time.Hour})
			m.api.SetFault(refreshPath, fault)
			for range 180 {
				if r := m.run(t); !r.Expected {
					t.Fatalf("%s: want healthy runs, got %d, blame %q (%s)", name, r.Code, r.Blame, r.Reason)
				}
				<-time.After(time.Minute)
			}
			if n := m.api.Logins(); n != 4 {
				t.Errorf("%s: want a login for each of 4 tokens, got %d", name, n)
			}
		})
	}
}

func TestFailuresDoNotFloodTheLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		m.api.SetFault(loginPath, aisquaretest.Fault{Status: 500})
		for range 3600 { // an hour, once a second
			if r := m.run(t); r.Blame != probe.BlameLoginService {
				t.Fatalf("want blame login_service, got %q (%s)", r.Blame, r.Reason)
			}
			<-time.After(time.Second)
		}
		if n := m.api.Counts(loginPath)[500]; n < 10 || n > 25 {
			t.Errorf("want 10 to 25 logins in an hour of failures, got %d", n)
		}
		m.api.ClearFaults()
		<-time.After(5 * time.Minute)
		if r := m.run(t); !r.Expected {
			t.Errorf("repaired: %s", r.Reason)
		}
	})
}

// TestLoginThatClosesConnectionsIsNotFlooded has a server that closes every connection before it processes the request.
func TestLoginThatClosesConnectionsIsNotFlooded(t *testing.T) {
	target, pool, conns := rawH2(t, func(s h2) {
		_ = s.WriteGoAway(0, http2.ErrCodeNo, nil)
		s.request()
	})
	login, err := probe.NewLogin(probe.LoginSettings{Login: probe.LoginRequest{
		Path: "/login",
		Body: map[string]secret.Text{"password": secret.New("hush")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := job(t, target, probe.Probe{Path: "/", Credential: "member"}, probe.RunnerOptions{
		TLS:         &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		Credentials: map[string]probe.Credential{"member": login},
	}).Run(t.Context(), time.Now())
	if n := conns.Load(); n > 8 {
		t.Errorf("want 4 connections for the login and 4 for the probe, got %d", n)
	}
	if len(r.Renewals) != 1 || !strings.Contains(r.Renewals[0].Error, "without an answer") {
		t.Errorf("want a login that says why it failed, got %+v", r.Renewals)
	}
}

func TestYoungTokensAreNotReplacedWhenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		m.api.SetFault(collectionsPath, aisquaretest.Fault{Status: 401})
		for range 600 {
			m.run(t)
			<-time.After(time.Second)
		}
		if n := m.api.Logins() + m.api.Refreshes(); n > 11 {
			t.Errorf("want at most one renewal a minute in 10 minutes, got %d", n)
		}
	})
}

// TestPermanentRefusalCausesFewerAndFewerRenewals has an endpoint that refuses every token. The probe renews less and less often,
// and other probes with the credential are not affected.
func TestPermanentRefusalCausesFewerAndFewerRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		m.api.SetFault(bookingsPath, aisquaretest.Fault{Status: 401})
		j := m.job(t, probe.Probe{Name: "bookings", Path: bookingsPath, Credential: "member"})
		for range 12 * 60 * 2 {
			if r := j.Run(t.Context(), time.Now()); r.Blame != probe.BlameAPI {
				t.Fatalf("want the API blamed, got %q (%s)", r.Blame, r.Reason)
			}
			<-time.After(30 * time.Second)
		}
		refused := m.api.Logins() + m.api.Refreshes()
		if refused < 15 || refused > 20 {
			t.Errorf("want 15 to 20 tokens in 12 hours, got %d", refused)
		}
		m.api.RotateSigningKey()
		if r := m.run(t); !r.Expected || causes(r) != "first resend" {
			t.Errorf("another probe: want the 401 repaired by a renewal, got %q (%s)", causes(r), r.Reason)
		}
		m.api.ClearFaults()
		if r := j.Run(t.Context(), time.Now()); !r.Expected {
			t.Fatalf("repaired: %s", r.Reason)
		}
		<-time.After(2 * time.Minute)
		m.api.RotateSigningKey()
		if r := j.Run(t.Context(), time.Now()); !r.Expected || causes(r) != "first resend" {
			t.Errorf("repaired: want the 401 repaired by a renewal, got %q (%s)", causes(r), r.Reason)
		}
	})
}

// TestAnyAnswerExcept401EndsTheRenewalPause has an endpoint that refuses tokens for two hours and then answers 500. The next
// refused token is renewed immediately.
func TestAnyAnswerExcept401EndsTheRenewalPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		j := m.job(t, probe.Probe{Name: "bookings", Path: bookingsPath, Credential: "member"})
		m.api.SetFault(bookingsPath, aisquaretest.Fault{Status: 401})
		for range 4 * 60 {
			j.Run(t.Context(), time.Now())
			<-time.After(30 * time.Second)
		}
		m.api.SetFault(bookingsPath, aisquaretest.Fault{Status: 500})
		j.Run(t.Context(), time.Now())
		<-time.After(2 * time.Minute)
		m.api.ClearFaults()
		m.api.RotateSigningKey()
		if r := j.Run(t.Context(), time.Now()); !r.Expected || causes(r) != "first resend" {
			t.Errorf("want the 401 repaired by a renewal, got %q (%s)", causes(r), r.Reason)
		}
	})
}
