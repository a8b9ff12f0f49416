package probe_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

const (
	loginPath       = "/api/v1/token/"
	refreshPath     = "/api/v1/token/refresh/"
	collectionsPath = "/api/v1/collections/"
	bookingsPath    = "/api/v1/bookings/config/"
)

// loginFixture is an API in memory and a runner with a credential that logs in to it.
type loginFixture struct {
	api    *aisquaretest.API
	runner *probe.Runner
}

func newLoginFixture(t *testing.T, options aisquaretest.Options) *loginFixture {
	t.Helper()
	m := &loginFixture{api: aisquaretest.New(options)}
	m.api.AddUser("ada", "hush")
	pipe := aisquaretest.NewPipe(m.api)
	login, err := probe.NewLogin(probe.LoginSettings{
		Login: probe.LoginRequest{Path: loginPath, Body: map[string]secret.Text{
			"username": secret.New("ada"),
			"password": secret.New("hush"),
		}},
		RefreshPath: refreshPath,
	})
	if err != nil {
		t.Fatal(err)
	}
	key, err := probe.NewAPIKey(probe.APIKeySettings{APIKey: secret.New(aisquaretest.DefaultKey)})
	if err != nil {
		t.Fatal(err)
	}
	m.runner = probe.NewRunner(probe.RunnerOptions{
		Target: mustURL(t, "http://api.test"), Dial: pipe.Dial,
		Credentials: map[string]probe.Credential{"member": login, "key": key},
	})
	t.Cleanup(func() {
		m.runner.Close()
		pipe.Shutdown()
	})
	return m
}

func (m *loginFixture) job(t *testing.T, p probe.Probe) *probe.Job {
	t.Helper()
	if p.Name == "" {
		p.Name = "test"
	}
	probe.DefaultDefaults().Apply(&p)
	j, err := m.runner.Prepare(&p)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// run runs a probe once with the login credential.
func (m *loginFixture) run(t *testing.T) *probe.Result {
	t.Helper()
	return m.job(t, probe.Probe{Path: collectionsPath, Credential: "member"}).Run(t.Context(), time.Now())
}

func causes(r *probe.Result) string {
	var all []string
	for _, a := range r.Attempts {
		all = append(all, string(a.Cause))
	}
	return strings.Join(all, " ")
}

func outcomes(r *probe.Result) string {
	var all []string
	for _, renewal := range r.Renewals {
		all = append(all, string(renewal.Outcome))
	}
	return strings.Join(all, " ")
}

func TestTokenIsReusedAndRenewedBeforeExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{AccessLifetime: time.Hour, RefreshLifetime: 24 * time.Hour})
		first := m.run(t)
		if !first.Expected || outcomes(first) != "logged_in" || first.Renewals[0].Trace != first.Trace {
			t.Fatalf("want a login in the run's trace, got expected=%v %q (%s)", first.Expected, outcomes(first), first.Reason)
		}
		if got := time.Until(first.Renewals[0].Expiry); got != time.Hour {
			t.Errorf("expiry: want in 1h as the token states, got %v", got)
		}
		for range 49 {
			<-time.After(time.Minute)
			if r := m.run(t); !r.Expected || len(r.Renewals) != 0 || !r.CredentialIssued.Equal(first.Start) {
				t.Fatalf("want no renewal of a token of %v, got %q and %v (%s)", first.Start, outcomes(r), r.CredentialIssued, r.Reason)
			}
		}
		<-time.After(2 * time.Minute) // 9 minutes before its expiry
		asked := m.run(t)
		synctest.Wait()
		after := m.run(t)
		if !asked.Expected || !asked.AskedRenewal || outcomes(asked)+outcomes(after) != "refreshed" || causes(asked) != "first" {
			t.Errorf("want a refresh before expiry and one attempt, got %q, %q (%s)", outcomes(asked)+outcomes(after), causes(asked), asked.Reason)
		}
		if m.api.Logins() != 1 || m.api.Refreshes() != 1 {
			t.Errorf("want 1 login and 1 refresh, got %d and %d", m.api.Logins(), m.api.Refreshes())
		}
	})
}

// TestTokensThatLiveShorterThanRenewBefore uses tokens of 5 minutes. Each is used for more than half of its lifetime.
func TestTokensThatLiveShorterThanRenewBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{AccessLifetime: 5 * time.Minute})
		for range 360 {
			if r := m.run(t); !r.Expected || len(r.Attempts) != 1 {
				t.Fatalf("want healthy runs and no 401, got %q (%s)", causes(r), r.Reason)
			}
			<-time.After(10 * time.Second)
		}
		if n := m.api.Logins() + m.api.Refreshes(); n < 12 || n > 20 {
			t.Errorf("want 12 to 20 tokens in an hour, got %d", n)
		}
	})
}

// TestNoRunWaitsForARenewalBeforeExpiry uses a token that is valid for 9 more minutes, and a login service that hangs.
func TestNoRunWaitsForARenewalBeforeExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{AccessLifetime: time.Hour})
		m.run(t)
		<-time.After(51 * time.Minute)
		m.api.SetFault(refreshPath, aisquaretest.Fault{Hang: aisquaretest.HangBeforeHeaders})
		m.api.SetFault(loginPath, aisquaretest.Fault{Hang: aisquaretest.HangBeforeHeaders})
		failed := 0
		for range 53 {
			begin := time.Now()
			r := m.run(t)
			if took := time.Since(begin); !r.Expected || took != 0 {
				t.Fatalf("want a healthy run immediately, got %v after %v (%s)", r.Class, took, r.Reason)
			}
			failed += strings.Count(outcomes(r), "unavailable")
			<-time.After(10 * time.Second)
		}
		if failed < 5 {
			t.Errorf("want results with failed renewals, got %d", failed)
		}
	})
}

// In TestHangingLoginDoesNotTimeOutItsProbes, there is no token, and the login takes longer than the timeout of the probe.
func TestHangingLoginDoesNotTimeOutItsProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		m.api.SetFault(loginPath, aisquaretest.Fault{Hang: aisquaretest.HangBeforeHeaders})
		j := m.job(t, probe.Probe{Path: collectionsPath, Credential: "member", Timeout: 3 * time.Second})
		for range 10 {
			r := j.Run(t.Context(), time.Now())
			if r.Expected || r.Class != probe.Unauthenticated || r.Blame != probe.BlameLoginService || r.Latency() != 0 {
				t.Fatalf("want a request without a token and the login service blamed, got %v, blame %q, after %v (%s)", r.Class, r.Blame, r.Latency(),
					r.Reason)
			}
			<-time.After(time.Second)
		}
	})
}

// In TestExpiredTokenIsSentWhenTheRenewalFails, the API's clock is behind ours, so that it may accept the token.
func TestExpiredTokenIsSentWhenTheRenewalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{AccessLifetime: time.Hour})
		m.run(t)
		m.api.SetFault(refreshPath, aisquaretest.Fault{Status: 503})
		m.api.SetFault(loginPath, aisquaretest.Fault{Status: 503})
		<-time.After(61 * time.Minute)
		if r := m.run(t); r.Expected || r.Blame != probe.BlameLoginService || !strings.Contains(r.Reason, "answered 503") {
			t.Errorf("refused: want the login service blamed, got %q (%s)", r.Blame, r.Reason)
		}
		m.api.SetFault(collectionsPath, aisquaretest.Fault{Status: 200, Body: "[]"})
		if r := m.run(t); !r.Expected {
			t.Errorf("accepted: want a healthy run, got %d (%s)", r.Code, r.Reason)
		}
	})
}

func TestRefusedTokenIsRenewedAndTheRequestResent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		m.run(t)
		<-time.After(2 * time.Minute)
		m.api.RotateSigningKey() // the access and the refresh token become invalid
		r := m.run(t)
		if !r.Expected || causes(r) != "first resend" || outcomes(r) != "logged_in" || r.Blame != probe.BlameNone {
			t.Errorf("want the 401 repaired by a renewal, got expected=%v attempts %q renewals %q blame %q (%s)", r.Expected, causes(r), outcomes(r),
				r.Blame, r.Reason)
		}
		if r.Attempts[0].Code != 401 || r.Attempts[1].Code != 200 {
			t.Errorf("want 401 then 200, got %d then %d", r.Attempts[0].Code, r.Attempts[1].Code)
		}
	})
}

func TestFiveHundredProbesShareOneRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{KeepRequests: 10_000})
		var jobs []*probe.Job
		for i := range 500 {
			jobs = append(jobs, m.job(t, probe.Probe{Name: fmt.Sprintf("p%d", i), Path: collectionsPath, Credential: "member"}))
		}
		all := func() {
			var runs sync.WaitGroup
			for _, j := range jobs {
				runs.Go(func() {
					if r := j.Run(t.Context(), time.Now()); !r.Expected {
						t.Errorf("%s: %s", r.Probe, r.Reason)
					}
				})
			}
			runs.Wait()
		}
		m.api.SetFault(loginPath, aisquaretest.Fault{Delay: time.Second}) // long enough for all probes to ask for it
		all()
		if n := m.api.Logins(); n != 1 {
			t.Errorf("first use: want 1 login, got %d", n)
		}
		<-time.After(2 * time.Minute)
		m.api.RotateSigningKey()
		all()
		if n := m.api.Logins(); n != 2 {
			t.Errorf("after the revocation: want 1 more login, got %d", n-1)
		}
		if n := m.api.Counts(refreshPath)[400]; n != 0 {
			t.Errorf("want a login and no refresh after a refusal, got %d refreshes", n)
		}
	})
}

func TestProbesThatExpect401CauseNoRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{AccessLifetime: 5 * time.Minute})
		m.run(t)
		<-time.After(2 * time.Minute)
		m.api.SetFault(collectionsPath, aisquaretest.Fault{Status: 401})
		j := m.job(t, probe.Probe{Path: collectionsPath, Credential: "member", Expect: probe.Expect{Status: selectors("401")}})
		for range 20 { // while the token is valid, and long after its expiry
			if r := j.Run(t.Context(), time.Now()); !r.Expected || len(r.Attempts) != 1 || r.AskedRenewal || len(r.Renewals) != 0 {
				t.Errorf("want one healthy attempt and no renewal, got %+v", r)
			}
			<-time.After(time.Minute)
		}
	})
}
