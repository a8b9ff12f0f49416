package probe_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// TestRedirectShowsNoSecret checks how the target of a redirect is shown. It is masked, and does not name the span.
func TestRedirectShowsNoSecret(t *testing.T) {
	for to, shown := range map[string]string{
		"/old": "/old",
		"/api/v1/aistudios/experiences/flattened/page/":     "/api/v1/aistudios/experiences/flattened/page/",
		"/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln/": "/reset/***/",
		"/users/alice%40example.com/x?next=1&eyJhbGciOi":    "/users/***/x?REDACTED",
	} {
		server := aisquaretest.Start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/" {
				http.Redirect(w, r, to, http.StatusFound)
			}
		}))
		r := job(t, server.URL, probe.Probe{Path: "/api/?page=1"}, probe.RunnerOptions{}).Run(t.Context(), time.Now())
		server.Close()
		if len(r.Attempts) != 2 {
			t.Fatalf("want it followed, got %s", r.Reason)
		}
		if a := r.Attempts[1]; a.URL != server.URL+shown || a.Template != "/api/" {
			t.Errorf("%s: want %s shown under /api/, got %s under %s", to, shown, a.URL, a.Template)
		}
	}
}

func TestLongPathOfARedirectIsShortened(t *testing.T) {
	server := aisquaretest.Start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/" {
			http.Redirect(w, r, "/"+strings.Repeat("so/", 200), http.StatusFound)
		}
	}))
	defer server.Close()
	r := job(t, server.URL, probe.Probe{Path: "/api/"}, probe.RunnerOptions{}).Run(t.Context(), time.Now())
	if got := r.Attempts[1].URL; utf8.RuneCountInString(got) != len(server.URL)+500 || !strings.HasSuffix(got, "…") {
		t.Errorf("want a path of 500 characters that ends with an ellipsis, got %d: %s", utf8.RuneCountInString(got), got)
	}
}

func TestRedirectWithinTheOriginIsAnAttempt(t *testing.T) {
	api := aisquaretest.New(aisquaretest.Options{})
	server := aisquaretest.Start(api)
	defer server.Close()
	api.SetFault("/old/", aisquaretest.Fault{RedirectTo: discovery})
	r := job(t, server.URL, probe.Probe{Path: "/old/", Method: "POST", Body: secret.New("x=1")}, probe.RunnerOptions{}).Run(t.Context(),
		time.Now())
	if !r.Expected || len(r.Attempts) != 2 || r.Attempts[1].Cause != probe.CauseRedirect || r.Attempts[1].Method != http.MethodGet {
		t.Errorf("want a POST and a followed GET, got %+v (%s)", r.Attempts, r.Reason)
	}
	if len(api.Requests()) != 2 || api.Requests()[0].TraceParent[:35] != api.Requests()[1].TraceParent[:35] {
		t.Errorf("want two requests of one trace, got %+v", api.Requests())
	}
}

// TestRedirectToALoginPageIsNotABreach checks which redirects a guarded probe follows.
func TestRedirectToALoginPageIsNotABreach(t *testing.T) {
	for _, c := range []struct {
		guards   probe.Guard
		to       string
		due      string
		class    probe.Class
		expected bool
		breach   bool
	}{
		{probe.GuardAccess, "/login/?next=/private", "401", probe.Redirect, false, false},
		{probe.GuardAccess, "/login/?next=/private", "302", probe.Redirect, true, false},
		{probe.GuardAccess, "/private/", "401", probe.Success, false, true},
		{"", "/login/?next=/private", "200", probe.Success, true, false},
	} {
		server := aisquaretest.Start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/private":
				http.Redirect(w, r, c.to, http.StatusFound)
			case "/private/", "/login/":
			default:
				http.NotFound(w, r)
			}
		}))
		p := probe.Probe{Path: "/private", Guards: c.guards, Expect: probe.Expect{Status: selectors(c.due)}}
		r := job(t, server.URL, p, probe.RunnerOptions{}).Run(t.Context(), time.Now())
		server.Close()
		if r.Class != c.class || r.Expected != c.expected || r.Breach != c.breach {
			t.Errorf("%+v: got %v %d expected=%v breach=%v (%s)", c, r.Class, r.Code, r.Expected, r.Breach, r.Reason)
		}
		if c.class == probe.Redirect && !c.expected && !strings.Contains(r.Reason, "answered 302: the redirect leads to another path") {
			t.Errorf("reason: got %q", r.Reason)
		}
	}
}

func TestCredentialNeverLeavesTheOrigin(t *testing.T) {
	leaked := make(chan string, 1)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		leaked <- r.Header.Get("Authorization")
	}))
	defer elsewhere.Close()
	api := aisquaretest.New(aisquaretest.Options{})
	server := aisquaretest.Start(api)
	defer server.Close()
	api.SetFault(discovery, aisquaretest.Fault{RedirectTo: elsewhere.URL, Status: 307})
	key, _ := probe.NewAPIKey(probe.APIKeySettings{APIKey: secret.New("hush")})
	r := job(t, server.URL, probe.Probe{Path: discovery, Credential: "partner"},
		probe.RunnerOptions{Credentials: map[string]probe.Credential{"partner": key}}).Run(t.Context(), time.Now())
	select {
	case got := <-leaked:
		t.Fatalf("another origin was called, with Authorization %q", got)
	default:
	}
	if r.Class != probe.Redirect || r.Code != 307 {
		t.Errorf("want redirect 307, got %v %d", r.Class, r.Code)
	}
}

// TestCookiesOfARedirectAreSentBack has a server that sets a cookie and redirects until it comes back, as load balancers and login
// filters do (https://github.com/prometheus/blackbox_exporter/issues/186). Paths and expiry follow RFC 6265. The next run begins without
// cookies.
func TestCookiesOfARedirectAreSentBack(t *testing.T) {
	var without atomic.Int32
	server := aisquaretest.Start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cookie, err := r.Cookie("seen"); err == nil && cookie.Value == "1" {
			_, _ = io.WriteString(w, r.Header.Get("Cookie"))
			return
		}
		without.Add(1)
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1", Path: "/"})
		http.SetCookie(w, &http.Cookie{Name: "elsewhere", Value: "1", Path: "/other"})
		http.SetCookie(w, &http.Cookie{Name: "gone", Value: "1", Path: "/", MaxAge: -1})
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	}))
	defer server.Close()
	j := job(t, server.URL, probe.Probe{
		Path: "/x", Headers: map[string]secret.Text{"Cookie": secret.New("own=2")}, Expect: probe.Expect{Status: selectors("404")},
	}, probe.RunnerOptions{})
	for run := range 2 {
		r := j.Run(t.Context(), time.Now())
		if r.Code != http.StatusOK || len(r.Attempts) != 2 || int(without.Load()) != run+1 {
			t.Fatalf("want one redirect a run, got %d attempts, %d without the cookie: %s", len(r.Attempts), without.Load(), r.Reason)
		}
		if r.Excerpt != "***; seen=1" && r.Excerpt != "own=2; seen=1" {
			t.Errorf("want the cookie after the probe's own, got %q", r.Excerpt)
		}
	}
}
