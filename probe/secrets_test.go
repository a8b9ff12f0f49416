package probe_test

import (
	"encoding/base64"
	"fmt"
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

	"github.com/google/go-cmp/cmp"
)

// referenced returns a text in which every reference such as ${env:X} was replaced by a value.
func referenced(t *testing.T, raw, value string) secret.Text {
	t.Helper()
	text := secret.New(raw)
	if n, err := text.Resolve(func(secret.Reference) (string, error) { return value, nil }); err != nil || n == 0 {
		t.Fatalf("%d references, %v", n, err)
	}
	return text
}

// echo starts a server that answers with the text that a function returns for the request.
func echo(t *testing.T, status int, say func(*http.Request) string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, say(r))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestKnownSecretsInAnAnswerAreMasked(t *testing.T) {
	const hush = `ab/c+"d é4711`
	key, err := probe.NewAPIKey(probe.APIKeySettings{APIKey: secret.New("sk-partner-7Hq2mZ9x")})
	if err != nil {
		t.Fatal(err)
	}
	said := func(text string) func(*http.Request) string { return func(*http.Request) string { return text } }
	withBody := func(raw, value string) probe.Probe {
		return probe.Probe{Method: "POST", Body: referenced(t, raw, value)}
	}
	withHeader := func(name, raw string) probe.Probe {
		return probe.Probe{Headers: map[string]secret.Text{name: referenced(t, raw, "ingest 4711")}}
	}
	for name, test := range map[string]struct {
		probe probe.Probe
		say   func(*http.Request) string
		want  string
	}{
		"an API key": {probe.Probe{Credential: "key"}, func(r *http.Request) string {
			return `{"detail": "API key ` + strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") + ` is not valid"}`
		}, "API key *** is not valid"},
		"a key that another probe uses": {probe.Probe{}, said("sk-partner-7Hq2mZ9x, ab"), "***, ab"},
		"a key with something inside":   {probe.Probe{}, said(`{"detail": "sk-partner\u200b-7Hq2mZ9x"}`), "***"},
		"a header by reference": {
			withHeader("X-Anything", "Anything ${env:K}"), said("key ingest 4711 may not"),
			"key *** may not",
		},
		"the text next to a reference": {withHeader("X-Anything", "Anything ${env:K}"), said("Anything goes"), "Anything goes"},
		"a header with a secret name": {
			probe.Probe{Headers: map[string]secret.Text{"X-Api-Key": secret.New("ingest-4711")}},
			said("key ingest-4711"), "key ***",
		},
		"the key after its scheme": {
			probe.Probe{Headers: map[string]secret.Text{"Authorization": secret.New("Bearer ingest4711")}},
			said("key ingest4711"), "key ***",
		},
		"the password in a login": {
			probe.Probe{Headers: map[string]secret.Text{"Authorization": secret.New("Basic YWRhOmh1c2gtaHVzaA==")}},
			said("hush-hush is wrong"), "*** is wrong",
		},
		"a cookie": {
			probe.Probe{Headers: map[string]secret.Text{"Cookie": secret.New("a=1; sid=ingest4711")}},
			said("no session ingest4711"), "no session ***",
		},
		"an ordinary header": {
			probe.Probe{Headers: map[string]secret.Text{"X-Workspace": secret.New("tools")}},
			said("no workspace tools"), "no workspace tools",
		},
		"a form":                    {withBody("pw=${env:P}", hush), said(hush + " is bad"), "*** is bad"},
		"a form, encoded for a URL": {withBody("pw=${env:P}", hush), said("?x=" + url.QueryEscape(hush) + " is bad"), "?x=*** is bad"},
		"a form, encoded for a path": {
			withBody("pw=${env:P}", hush), said(strings.ToLower(url.PathEscape(hush)) + " is bad"),
			"*** is bad",
		},
		"a form, encoded as JSON":       {withBody("pw=${env:P}", hush), said(`"ab/c+\"d \u00e94711" is bad`), `"***" is bad`},
		"a form, encoded as other JSON": {withBody("pw=${env:P}", hush), said(`"ab\/c+\"d é4711" is bad`), `"***" is bad`},
		"a form, encoded as HTML":       {withBody("pw=${env:P}", hush), said(`{"detail": "ab/c+&#34;d é4711 is bad"}`), "*** is bad"},
		"a form, encoded by Django": {
			withBody("pw=${env:P}", `pa"s's<x9`), said(`{"detail": "pa&quot;s&#x27;s&lt;x9 is bad"}`),
			"*** is bad",
		},
		"a form, encoded twice": {
			withBody("pw=${env:P}", `pa"s's<x9`), said(`?next=%2522 pa%2522s%2527s%253Cx9 is bad`),
			"?next=%2522 *** is bad",
		},
		"a value in a form that is a secret": {withBody("${env:P}", "user=ada&pw=ab%2Fcd"), said("ab/cd is bad"), "*** is bad"},
		"a value in JSON that is a secret":   {withBody("${env:P}", `{"user": {"pw": ["abcd"]}}`), said("abcd is bad"), "*** is bad"},
		"a secret that is too short":         {withBody("pw=${env:P}", "abc"), said("abc is bad"), "abc is bad"},
		"a secret inside another":            {withBody("pw=${env:P}", "7Hq2"), said("sk-partner-7Hq2mZ9x, 7Hq2"), "***, ***"},
		"a secret at the end of the masked part": {
			probe.Probe{},
			said(`{"detail": "` + strings.Repeat("x", 64) + strings.Repeat("0123456789abcdef", 70) +
				" 0123456789 sk-partner-7Hq2mZ9x" + strings.Repeat(" x", 600) + `"}`), "*** 0123456789",
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.probe.Path = "/"
			r := job(t, echo(t, 500, test.say), test.probe,
				probe.RunnerOptions{Credentials: map[string]probe.Credential{"key": key}}).Run(t.Context(), time.Now())
			if r.Excerpt != test.want {
				t.Errorf("want %q, got %q", test.want, r.Excerpt)
			}
		})
	}
}

func TestLoginInAnAnswerIsMasked(t *testing.T) {
	login, err := probe.NewLogin(probe.LoginSettings{Login: probe.LoginRequest{
		Path: "/login",
		Body: map[string]secret.Text{"password": secret.New("correct-horse")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	target := echo(t, 400, func(*http.Request) string { return `{"password": ["correct-horse is too common"]}` })
	r := job(t, target, probe.Probe{Path: "/", Credential: "member"},
		probe.RunnerOptions{Credentials: map[string]probe.Credential{"member": login}}).Run(t.Context(), time.Now())
	const want = "the login was refused with 400: password: *** is too common"
	if len(r.Renewals) != 1 || r.Renewals[0].Error != want || !strings.HasSuffix(r.Reason, want) ||
		r.Excerpt != "password: *** is too common" {
		t.Errorf("renewals %+v, reason %q, excerpt %q", r.Renewals, r.Reason, r.Excerpt)
	}
}

// TestTokensInAnAnswerAreMasked has tokens that look like words, so they are recognized only because they are known. A token that
// was just replaced may still be in an answer.
func TestTokensInAnAnswerAreMasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logins := 0
		pipe := aisquaretest.NewPipe(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = fmt.Fprint(w, "access-1 refresh-1 access-2 refresh-2")
				return
			}
			logins++
			_, _ = fmt.Fprintf(w, `{"access": "access-%d", "refresh": "refresh-%[1]d"}`, logins)
		}))
		login, err := probe.NewLogin(probe.LoginSettings{
			Login: probe.LoginRequest{Path: "/login", Body: map[string]secret.Text{"name": secret.New("ada")}},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pipe.Shutdown)
		j := job(t, "http://api.test", probe.Probe{Path: "/", Credential: "member"},
			probe.RunnerOptions{Credentials: map[string]probe.Credential{"member": login}, Dial: pipe.Dial})
		for _, want := range []string{"*** *** *** ***", "access-1 refresh-1 *** ***"} { // a refused new token is replaced once
			if r := j.Run(t.Context(), time.Now()); r.Excerpt != want {
				t.Errorf("after %d logins: want %q, got %q", logins, want, r.Excerpt)
			}
			<-time.After(time.Hour) // the token is no longer young, so a 401 causes a renewal
		}
	})
}

func TestTargetOfARedirectIsMasked(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
			to := "/api/v1/aistudios/experiences/flattened/" + token + "/ada@example.org/in%2Fgest-4711/?token=x"
			http.Redirect(w, r, to, http.StatusFound)
		}
	}))
	defer server.Close()
	r := job(t, server.URL, probe.Probe{Path: "/", Headers: map[string]secret.Text{"X-Api-Key": secret.New("in/gest-4711")}},
		probe.RunnerOptions{}).Run(t.Context(), time.Now())
	const path = "/api/v1/aistudios/experiences/flattened/***/***/***/"
	want := []string{server.URL + "/", "/", server.URL + path + "?REDACTED", "/"}
	if diff := cmp.Diff(want, []string{r.Attempts[0].URL, r.Attempts[0].Template, r.Attempts[1].URL, r.Attempts[1].Template}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProxyLoginInAnAnswerIsMasked(t *testing.T) {
	login := base64.StdEncoding.EncodeToString([]byte("ada:proxy-hush"))
	proxy := mustURL(t, echo(t, 407, func(r *http.Request) string {
		return r.Header.Get("Proxy-Authorization")[len("Basic "):] + " is proxy-hush"
	}))
	proxy.User = url.UserPassword("ada", "proxy-hush")
	r := routed(t, "http://api.test", probe.Network{Proxy: secret.New(proxy.String())}, probe.Probe{Path: "/"})
	if r.Excerpt != "*** is ***" {
		t.Errorf("want both masked, got %q (%s is the login)", r.Excerpt, login)
	}
}

func TestAnswerQuotedByAnExpectationIsMasked(t *testing.T) {
	const short, long = "ingest-4711", "ingest-is-a-key-of-very-many-letters"
	target := echo(t, 200, func(*http.Request) string {
		return `{"short": "` + short + `", "long": "` + long + `", "list": ["` + long + `"]}`
	})
	for expression, want := range map[string]string{
		".short[]":     `cannot iterate over: string ("***")`,
		".long[]":      "cannot iterate over: string (…)",
		".list + 1":    "cannot add: array (…) and number (1)",
		"error(.long)": "error: ***",
	} {
		r := job(t, target, probe.Probe{
			Path: "/", Expect: probe.Expect{JSON: expression},
			Headers: map[string]secret.Text{"X-Api-Key": secret.New(short), "X-Token": secret.New(long)},
		}, probe.RunnerOptions{}).Run(t.Context(), time.Now())
		if !strings.HasSuffix(r.Reason, "does not match "+expression+": "+want) {
			t.Errorf("want %q, got %q", want, r.Reason)
		}
	}
}

func TestInvalidAnswerIsMasked(t *testing.T) {
	headers := map[string]secret.Text{"X-Api-Key": secret.New("ingest-4711")}
	for _, test := range []struct{ answer, want string }{
		{
			"HTTP/1.1 ingest-4711 no\r\n\r\n",
			`no valid HTTP answer: net/http: HTTP/1.x transport connection broken: malformed HTTP status code "***"`,
		},
		{
			"HTTP/1.1 302 Found\r\nLocation: https://ingest-4711.example.org/\r\nContent-Length: 0\r\n\r\n",
			"answered 302: the redirect leads to another origin, https://***.example.org:443, and is not followed",
		},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_, _ = conn.Write([]byte(test.answer))
				_ = conn.Close()
			}
		}))
		r := job(t, server.URL, probe.Probe{Path: "/", Headers: headers}, probe.RunnerOptions{}).Run(t.Context(), time.Now())
		server.Close()
		if r.Reason != test.want {
			t.Errorf("want %q, got %q", test.want, r.Reason)
		}
	}
}

// TestShortSecretIsMaskedOnlyAsAWholeWord has a user name that is a common word, and a password that is a part of the target's name.
func TestShortSecretIsMaskedOnlyAsAWholeWord(t *testing.T) {
	login, err := probe.NewLogin(probe.LoginSettings{Login: probe.LoginRequest{
		Path: "/login", Body: map[string]secret.Text{"username": secret.New("user"), "password": secret.New("hunter")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	target := echo(t, http.StatusBadRequest, func(*http.Request) string { return "user: superusers need no hunter, user" })
	j := job(t, target, probe.Probe{Path: "/", Credential: "member"},
		probe.RunnerOptions{Credentials: map[string]probe.Credential{"member": login}})
	if r, want := j.Run(t.Context(), time.Now()), "***: superusers need no ***, ***"; r.Excerpt != want {
		t.Errorf("want %q, got %q", want, r.Excerpt)
	}
}
