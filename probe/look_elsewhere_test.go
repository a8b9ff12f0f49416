package probe_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
	"squarewatch/probe/blame"
)

const feedPath = "/api/v1/aistudios/experiences/flattened/"

// page is a page for people, as a gateway sends it.
func page(status int, title string) aisquaretest.Fault {
	return aisquaretest.Fault{
		Status: status, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html><head><title>" + title + "</title></head></html>",
	}
}

// guard returns a probe that must be refused.
func (m *loginFixture) guard(t *testing.T) *probe.Job {
	t.Helper()
	return m.job(t, probe.Probe{
		Name: "guarded", Path: collectionsPath, Expect: probe.Expect{Status: selectors("401")}, Guards: probe.GuardAccess,
	})
}

// looks returns the kinds of looks that a run made.
func looks(r *probe.Result) string {
	var all []string
	for _, l := range r.Looks {
		all = append(all, string(l.Kind))
	}
	return strings.Join(all, " ")
}

// TestAPageForEveryAddressIsNoBreach has a maintenance page, for the whole site or for some addresses.
func TestAPageForEveryAddressIsNoBreach(t *testing.T) {
	maintenance, text, works := page(200, "Back soon"), aisquaretest.Fault{Status: 200, Body: "ok"}, aisquaretest.Fault{Delay: 1}
	half, silent := aisquaretest.Fault{Break: aisquaretest.BreakBody}, aisquaretest.Fault{Hang: aisquaretest.HangBeforeHeaders}
	for name, c := range map[string]struct {
		guarded, others aisquaretest.Fault
		breach          bool
		looks           string
		blame           probe.Blame
	}{
		"the whole site":           {maintenance, maintenance, false, "elsewhere", probe.BlameGateway},
		"this address alone":       {maintenance, works, true, "elsewhere", probe.BlameLeak},
		"another page elsewhere":   {maintenance, page(200, "Home"), true, "elsewhere", probe.BlameLeak},
		"no answer elsewhere":      {maintenance, silent, false, "elsewhere", probe.BlameGateway},
		"an answer of the API":     {aisquaretest.Fault{Status: 200, Body: `{"results": []}`}, maintenance, true, "", probe.BlameLeak},
		"a list of the API":        {aisquaretest.Fault{Status: 200, Body: `[]`}, maintenance, true, "", probe.BlameLeak},
		"a text for every address": {text, text, false, "elsewhere", probe.BlameAPI},
		"a text at this address":   {text, works, true, "elsewhere", probe.BlameLeak},
		"JSON labelled as a page":  {labelled(`{"results": []}`), maintenance, true, "", probe.BlameLeak},
		"half of an answer":        {half, works, false, "elsewhere", probe.BlameAPI}, // two of them are a breach
		"half for every address":   {half, half, false, "elsewhere", probe.BlameAPI},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newLoginFixture(t, aisquaretest.Options{})
				m.api.SetFault(collectionsPath, c.guarded)
				m.api.SetFault("*", c.others)
				r := m.guard(t).Run(t.Context(), time.Now())
				if r.Breach != c.breach || r.Expected || looks(r) != c.looks || r.Blame != c.blame {
					t.Errorf("want breach %v, looks %q and blame %q, got %v, %q and %q: %s", c.breach, c.looks, c.blame,
						r.Breach, looks(r), r.Blame, r.Reason)
				}
			})
		})
	}
}

func labelled(body string) aisquaretest.Fault {
	return aisquaretest.Fault{Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: body}
}

// TestAGuardAsksAgainWhenTheAnswerIsOld has a page at one address, and five seconds later at all of them.
func TestAGuardAsksAgainWhenTheAnswerIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		guarded := m.guard(t)
		m.api.SetFault(collectionsPath, page(200, "Back soon"))
		if r := guarded.Run(t.Context(), time.Now()); !r.Breach {
			t.Fatalf("want a breach, got %s", r.Reason)
		}
		<-time.After(5 * time.Second)
		m.api.SetFault("*", page(200, "Back soon"))
		if r := guarded.Run(t.Context(), time.Now()); r.Breach || looks(r) != "elsewhere" {
			t.Errorf("want a new look and no breach, got looks %q: %s", looks(r), r.Reason)
		}
		<-time.After(5 * time.Second)
		if r := guarded.Run(t.Context(), time.Now()); r.Breach || looks(r) != "" {
			t.Errorf("want the look used again, got looks %q: %s", looks(r), r.Reason)
		}
	})
}

// TestARedirectToAPortalIsNotFromTheAPI has a captive portal. Its redirects have a body only if the method is GET or HEAD, like those of
// [http.Redirect].
func TestARedirectToAPortalIsNotFromTheAPI(t *testing.T) {
	away := http.Header{"Location": {"http://portal.example.org/login"}}
	withPage := page(302, "Found")
	withPage.Header.Set("Location", away.Get("Location"))
	for name, c := range map[string]struct {
		here, elsewhere aisquaretest.Fault
		blame           probe.Blame
	}{
		"without a body":            {aisquaretest.Fault{Status: 302, Header: away}, withPage, probe.BlameGateway},
		"at this address alone":     {aisquaretest.Fault{Status: 302, Header: away}, aisquaretest.Fault{Delay: 1}, probe.BlameAPI},
		"to an address of the API":  {aisquaretest.Fault{Status: 302, Header: http.Header{"Location": {"/x"}}}, withPage, probe.BlameGateway},
		"a status without a target": {aisquaretest.Fault{Status: 304}, withPage, probe.BlameAPI},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newLoginFixture(t, aisquaretest.Options{})
			m.api.SetFault(feedPath, c.here)
			m.api.SetFault("*", c.elsewhere)
			r := m.job(t, probe.Probe{Method: http.MethodPost, Path: feedPath}).Run(t.Context(), time.Now())
			if r.Blame != c.blame {
				t.Errorf("%s: want %q blamed, got %q: %s, %v", name, c.blame, r.Blame, r.Reason, r.Evidence)
			}
		})
	}
}

// TestAGatewayThatAsksForAPasswordIsNotOurCredential has a key and a login, and a gateway that asks for another password.
func TestAGatewayThatAsksForAPasswordIsNotOurCredential(t *testing.T) {
	for _, credential := range []string{"key", "member"} {
		synctest.Test(t, func(t *testing.T) {
			m := newLoginFixture(t, aisquaretest.Options{})
			j := m.job(t, probe.Probe{Path: collectionsPath, Credential: credential})
			j.Run(t.Context(), time.Now())
			<-time.After(2 * time.Minute)
			wall := page(401, "Authorization Required")
			wall.Header.Set("WWW-Authenticate", `Basic realm="staff"`)
			m.api.SetFault("*", wall)
			for range 3 {
				r, o := probe.RunObserved(t.Context(), j)
				if r.Blame != probe.BlameGateway || !o.Page || !o.Foreign || !o.Elsewhere || o.Renewal.Refused {
					t.Errorf("%s: want a gateway blamed, got %q (%s) for %+v", credential, r.Blame, because(r), o)
				}
				<-time.After(time.Second)
			}
		})
	}
}

// TestAPageIsNoWitness has a page that a probe takes for a healthy answer.
func TestAPageIsNoWitness(t *testing.T) {
	m := newLoginFixture(t, aisquaretest.Options{})
	m.api.SetFault(feedPath, page(200, "Back soon"))
	r, o := probe.RunObserved(t.Context(), m.job(t, probe.Probe{Path: feedPath, Credential: "key"}))
	if !r.Expected || o.Outcome != blame.Other || looks(r) != "" {
		t.Errorf("want an expected answer that says nothing about the key, got outcome %d: %s", o.Outcome, r.Reason)
	}
}

// TestPagesAreComparedEveryTenSeconds has a hundred probes that get a page in the same seconds.
func TestPagesAreComparedEveryTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		m.api.SetFault("*", page(503, "Down"))
		taken := 0
		for range 100 {
			taken += len(m.job(t, probe.Probe{Path: feedPath}).Run(t.Context(), time.Now()).Looks)
			<-time.After(200 * time.Millisecond)
		}
		if taken != 2 {
			t.Errorf("want a look every 10 s, which is 2 in 20 s, got %d", taken)
		}
	})
}

// TestAPageIsNoBreachWhereTheAPIRefusesWithJSON has a sign-in page at the guarded address alone, after the API has refused there.
func TestAPageIsNoBreachWhereTheAPIRefusesWithJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newLoginFixture(t, aisquaretest.Options{})
		guard := m.guard(t)
		if r := guard.Run(t.Context(), time.Now()); !r.Expected {
			t.Fatalf("want a refusal, got %s", r.Reason)
		}
		m.api.SetFault(collectionsPath, page(200, "Sign in"))
		if r := guard.Run(t.Context(), time.Now()); r.Breach || r.Expected || r.Blame != probe.BlameGateway {
			t.Errorf("want no breach, and a gateway blamed, got %v and %q: %s", r.Breach, r.Blame, r.Reason)
		}
		m.api.SetFault(collectionsPath, aisquaretest.Fault{Status: 200, Body: `{"results": []}`})
		if r := guard.Run(t.Context(), time.Now()); !r.Breach || r.Blame != probe.BlameLeak {
			t.Errorf("want a breach by JSON, got %v and %q: %s", r.Breach, r.Blame, r.Reason)
		}
	})
}
