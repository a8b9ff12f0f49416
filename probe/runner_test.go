package probe_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// job prepares a probe for a target.
func job(tb testing.TB, target string, p probe.Probe, options probe.RunnerOptions) *probe.Job {
	tb.Helper()
	u, err := url.Parse(target)
	if err != nil {
		tb.Fatal(err)
	}
	options.Target = u
	options.UserAgent = "squarewatch/test"
	if p.Name == "" {
		p.Name = "test"
	}
	probe.DefaultDefaults().Apply(&p)
	if err := p.Validate(); err != nil {
		tb.Fatalf("settings of the test's probe: %v", err)
	}
	runner := probe.NewRunner(options)
	tb.Cleanup(runner.Close)
	j, err := runner.Prepare(&p)
	if err != nil {
		tb.Fatal(err)
	}
	return j
}

func selectors(texts ...string) []probe.Selector {
	var all []probe.Selector
	for _, text := range texts {
		all = append(all, probe.MustSelector(text))
	}
	return all
}

const discovery = "/o/.well-known/openid-configuration"

func TestEveryFaultHasItsClass(t *testing.T) {
	dead, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "http://" + dead.Addr().String()
	_ = dead.Close()

	type row struct {
		name   string
		fault  aisquaretest.Fault
		target string // instead of the test server
		class  probe.Class
		code   int
		phase  probe.PhaseKind // the last phase
		reason string          // part of the reason
	}
	status := func(code int, class probe.Class) row {
		return row{
			name: http.StatusText(code), fault: aisquaretest.Fault{Status: code}, class: class, code: code, phase: probe.PhaseReceive,
			reason: "expected 2xx",
		}
	}
	for _, c := range []row{
		status(400, probe.BadRequest), status(401, probe.Unauthenticated), status(403, probe.Forbidden), status(404, probe.NotFound),
		status(429, probe.RateLimited), status(418, probe.ClientError), status(500, probe.ServerError), status(503, probe.ServerError),
		{
			name: "hang before headers", fault: aisquaretest.Fault{Hang: aisquaretest.HangBeforeHeaders}, class: probe.Timeout,
			phase: probe.PhaseWait, reason: "waiting for the first byte",
		},
		{
			name: "hang during headers", fault: aisquaretest.Fault{Hang: aisquaretest.HangDuringHeaders}, class: probe.Timeout,
			phase: probe.PhaseReceive, reason: "receiving",
		},
		{
			name: "hang during body", fault: aisquaretest.Fault{Hang: aisquaretest.HangDuringBody}, class: probe.Timeout, phase: probe.PhaseReceive,
			reason: "receiving",
		},
		{name: "slow", fault: aisquaretest.Fault{Delay: time.Minute}, class: probe.Timeout, phase: probe.PhaseWait},
		{
			name: "reset", fault: aisquaretest.Fault{Break: aisquaretest.BreakReset}, class: probe.ProtocolError, phase: probe.PhaseWait,
			reason: "reset",
		},
		{
			name: "close", fault: aisquaretest.Fault{Break: aisquaretest.BreakClose}, class: probe.ProtocolError, phase: probe.PhaseWait,
			reason: "EOF",
		},
		{
			name: "half a body", fault: aisquaretest.Fault{Break: aisquaretest.BreakBody}, class: probe.ProtocolError, phase: probe.PhaseReceive,
			reason: "unexpected EOF",
		},
		{
			name: "not HTTP", fault: aisquaretest.Fault{Break: aisquaretest.BreakGarbage}, class: probe.ProtocolError, phase: probe.PhaseReceive,
			reason: "malformed",
		},
		{
			name: "endless body", fault: aisquaretest.Fault{Break: aisquaretest.BreakEndlessBody}, class: probe.ProtocolError,
			phase: probe.PhaseReceive, reason: "larger than 1024 KiB",
		},
		{
			name: "huge headers", fault: aisquaretest.Fault{Break: aisquaretest.BreakHugeHeaders}, class: probe.ProtocolError,
			phase: probe.PhaseReceive, reason: "exceeded",
		},
		{
			name: "gzip bomb", fault: aisquaretest.Fault{Break: aisquaretest.BreakGzipBomb}, class: probe.ProtocolError, phase: probe.PhaseReceive,
			reason: "larger than 1024 KiB",
		},
		{
			name: "redirect loop", fault: aisquaretest.Fault{RedirectTo: discovery}, class: probe.Redirect, code: 302, phase: probe.PhaseReceive,
			reason: "10 redirects",
		},
		{
			name: "redirect elsewhere", fault: aisquaretest.Fault{RedirectTo: "https://elsewhere.example/?token=hush"}, class: probe.Redirect,
			code: 302, phase: probe.PhaseReceive, reason: "another origin, https://elsewhere.example:443",
		},
		{name: "refused port", target: refused, class: probe.ConnectError, phase: probe.PhaseConnect, reason: "refused"},
		{
			name: "no such host", target: "http://no-such-host.invalid", class: probe.DNSError, phase: probe.PhaseDNS,
			reason: "no-such-host.invalid",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			api := aisquaretest.New(aisquaretest.Options{})
			server := aisquaretest.Start(api)
			defer server.Close()
			api.SetFault(discovery, c.fault)
			target := server.URL
			if c.target != "" {
				target = c.target
			}
			timeout := 10 * time.Second
			if c.class == probe.Timeout {
				timeout = 100 * time.Millisecond
			}
			r := job(t, target, probe.Probe{Path: discovery, Timeout: timeout}, probe.RunnerOptions{}).Run(t.Context(), time.Now())
			if r.Class != c.class || r.Code != c.code || r.Expected {
				t.Errorf("want unexpected %v %d, got expected=%v %v %d (%s)", c.class, c.code, r.Expected, r.Class, r.Code, r.Reason)
			}
			if !strings.Contains(r.Reason, c.reason) {
				t.Errorf("reason: want it to contain %q, got %q", c.reason, r.Reason)
			}
			if strings.Contains(r.Reason, "hush") {
				t.Errorf("the reason shows a query value: %q", r.Reason)
			}
			checkAttempts(t, r)
			last := r.Attempts[len(r.Attempts)-1]
			if got := last.Phases[len(last.Phases)-1].Kind; got != c.phase {
				t.Errorf("last phase: want %s, got %s", c.phase, got)
			}
		})
	}
}

// checkAttempts checks what is true of every attempt.
func checkAttempts(t *testing.T, r *probe.Result) {
	t.Helper()
	for i, a := range r.Attempts {
		if !a.Span.IsValid() || a.Start.Before(r.Start) || a.End.After(r.End) || a.End.Before(a.Start) {
			t.Errorf("attempt %d from %v to %v lies outside its run from %v to %v", i, a.Start, a.End, r.Start, r.End)
		}
		if u := mustURL(t, a.URL); a.Scheme != u.Scheme || a.Host != u.Hostname() || a.Port == 0 {
			t.Errorf("attempt %d: want the server of %s, got %s, %s and %d", i, a.URL, a.Scheme, a.Host, a.Port)
		}
		at := a.Start
		for _, p := range a.Phases {
			if !p.Start.Equal(at) || p.End.Before(p.Start) {
				t.Errorf("attempt %d: phase %s does not begin where the last one ended", i, p.Kind)
			}
			at = p.End
		}
		if len(a.Phases) > 0 && !at.Equal(a.End) {
			t.Errorf("attempt %d: phases end %v before the attempt", i, a.End.Sub(at))
		}
	}
}

func TestFreshMakesAConnectionAndReuseKeepsIt(t *testing.T) {
	server, pool := aisquaretest.StartTLS(aisquaretest.New(aisquaretest.Options{}), aisquaretest.TLSOptions{})
	defer server.Close()
	options := probe.RunnerOptions{TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	kinds := func(r *probe.Result) string {
		var all []string
		for _, p := range r.Attempts[0].Phases {
			all = append(all, string(p.Kind))
		}
		return strings.Join(all, " ")
	}
	for _, c := range []struct {
		connection probe.Connection
		second     string
		reused     bool
	}{
		{probe.Fresh, "connect tls send wait receive", false},
		{probe.Reuse, "send wait receive", true},
	} {
		j := job(t, server.URL, probe.Probe{Path: discovery, Connection: c.connection}, options)
		first, second := j.Run(t.Context(), time.Now()), j.Run(t.Context(), time.Now())
		if got := kinds(first); got != "connect tls send wait receive" {
			t.Errorf("%s, first run: got phases %s", c.connection, got)
		}
		if got := kinds(second); got != c.second || second.Attempts[0].Reused != c.reused {
			t.Errorf("%s, second run: want %s, got %s (reused %v)", c.connection, c.second, got, second.Attempts[0].Reused)
		}
		if a := first.Attempts[0]; a.Protocol != "2" || a.CertificateExpiry.IsZero() || a.Peer == "" || a.Size == 0 {
			t.Errorf("%s: attempt lacks something: %+v", c.connection, a)
		}
		checkAttempts(t, first)
		checkAttempts(t, second)
	}
}

func TestDeadlineIsExactAndShutdownIsNotAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := aisquaretest.New(aisquaretest.Options{})
		api.SetFault("*", aisquaretest.Fault{Delay: 90 * time.Second})
		pipe := aisquaretest.NewPipe(api)
		defer pipe.Shutdown()
		j := job(t, "http://api.test", probe.Probe{Path: discovery}, probe.RunnerOptions{Dial: pipe.Dial})
		start := time.Now()
		r := j.Run(t.Context(), start)
		if took := time.Since(start); r.Class != probe.Timeout || took != 10*time.Second {
			t.Errorf("want timeout after exactly 10s, got %v after %v", r.Class, took)
		}
		checkAttempts(t, r)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		r = j.Run(ctx, time.Now())
		if r.Class != probe.ClassNone || r.Expected || !strings.Contains(r.Reason, "shutdown") {
			t.Errorf("after a shutdown: want no class, got %v expected=%v %q", r.Class, r.Expected, r.Reason)
		}
	})
}

func TestRequestIsWhatTheProbeSays(t *testing.T) {
	var got *http.Request
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw := make([]byte, r.ContentLength)
		_, _ = r.Body.Read(raw)
		got, body = r, string(raw)
		http.SetCookie(w, &http.Cookie{Name: "wsid", Value: "1"})
	}))
	defer server.Close()
	key, err := probe.NewAPIKey(probe.APIKeySettings{APIKey: secret.New("hush")})
	if err != nil {
		t.Fatal(err)
	}
	j := job(t, server.URL, probe.Probe{
		Path: "/api/v1/aistudios/permission/?page_size=1", JSON: map[string]any{"url": "studio"}, Credential: "partner",
		Headers: map[string]secret.Text{"X-Workspace-Id": secret.New("42")},
	}, probe.RunnerOptions{Credentials: map[string]probe.Credential{"partner": key}})
	j.Run(t.Context(), time.Now())
	r := j.Run(t.Context(), time.Now())
	if got.Method != http.MethodPost || body != `{"url":"studio"}` || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("want a JSON POST, got %s %q (%s)", got.Method, body, got.Header.Get("Content-Type"))
	}
	if got.Header.Get("Authorization") != "Bearer hush" || got.Header.Get("X-Workspace-Id") != "42" || got.UserAgent() != "squarewatch/test" {
		t.Errorf("headers: got %v", got.Header)
	}
	if got.Header.Get("Cookie") != "" {
		t.Errorf("a cookie was kept: %s", got.Header.Get("Cookie"))
	}
	if want := "00-" + r.Trace.String() + "-" + r.Attempts[0].Span.String() + "-01"; got.Header.Get("Traceparent") != want {
		t.Errorf("traceparent: want %s, got %s", want, got.Header.Get("Traceparent"))
	}
	if a := r.Attempts[0]; !strings.HasSuffix(a.URL, "?page_size=REDACTED") || a.Template != "/api/v1/aistudios/permission/" {
		t.Errorf("URL %q, template %q", a.URL, a.Template)
	}
}

func TestPrepareRefuses(t *testing.T) {
	target, _ := url.Parse("https://api.test")
	runner := probe.NewRunner(probe.RunnerOptions{Target: target})
	for want, p := range map[string]probe.Probe{
		"credential is \"ghost\"":        {Path: "/", Credential: "ghost"},
		"expect.json is not a jq":        {Path: "/", Expect: probe.Expect{JSON: ".["}},
		"expect.json cannot be compiled": {Path: "/", Expect: probe.Expect{JSON: "nosuchfunction"}},
		"expect.status[0] is unexpected": {Path: "/", Expect: probe.Expect{Status: selectors("unexpected")}},
		"json cannot be written":         {Path: "/", JSON: func() {}},
	} {
		if _, err := runner.Prepare(&p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := probe.NewAPIKey(probe.APIKeySettings{APIKey: secret.New("line\nbreak")}); err == nil ||
		strings.Contains(err.Error(), "break\n") {
		t.Errorf("a key with a line break: got %v", err)
	}
}

func mustURL(tb testing.TB, text string) *url.URL {
	tb.Helper()
	u, err := url.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}
