package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/probe/aisquaretest"
	"squarewatch/probe/redact"
)

// firingLive starts a daemon whose probe feed is answered with 500, and waits until its incident fires. It returns the incident.
func firingLive(f *testing.F) (*live, string) {
	f.Helper()
	api := aisquaretest.New(aisquaretest.Options{})
	api.SetFault("*", aisquaretest.Fault{Status: http.StatusInternalServerError})
	target := aisquaretest.Start(api)
	f.Cleanup(target.Close)
	l := newLiveOf(f, target.URL, `catalogue: none
defaults: {schedule: "@every 1s"}
probes: [{name: feed, path: /feed/}]
rules: [{name: server-errors, on: [5xx], window: 1m, threshold: 10%, min_runs: 1}]
web: {token: "`+strings.Repeat("top-secret", 3)+`"}
`)
	for ticker := time.NewTicker(10 * time.Millisecond); ; <-ticker.C {
		if incidents := l.daemon.evaluator.Incidents(); len(incidents) == 1 {
			return l, incidents[0].ID
		}
	}
}

// readRequest returns the request that a server reads from these parts; nil when they are not a request.
func readRequest(method, target, headers, body string) *http.Request {
	text := method + " " + target + " HTTP/1.1\r\n" + strings.ReplaceAll(strings.TrimSpace(headers), "\n", "\r\n") + "\r\n\r\n" + body
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		return nil
	}
	if r.ContentLength == 0 && body != "" && len(r.TransferEncoding) == 0 {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	return r
}

// changes is what people can change in a daemon.
type changes struct {
	silences, notes int
	acknowledged    bool
}

// changesOf returns what was changed, when all of it is on the disk.
func changesOf(t *testing.T, d *Daemon, incident string) (c changes) {
	t.Helper()
	for ticker := time.NewTicker(10 * time.Millisecond); d.outbox.Fault() != nil; {
		<-ticker.C
	}
	notes, err := d.state.store().Notes(t.Context(), incident)
	if err != nil {
		t.Fatal(err)
	}
	c.silences, c.notes = len(d.silences.List()), len(notes)
	for _, i := range d.evaluator.Incidents() {
		c.acknowledged = c.acknowledged || i.ID == incident && i.Acknowledged != nil
	}
	return c
}

// serveFuzzed gives a request to a handler, and checks what holds for each answer: no error of the server, valid JSON, printable
// text, and no redirect to another site. The stream of events needs a connection, so it is left out.
func serveFuzzed(t *testing.T, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(t.Context()))
	text := w.Body.Bytes()
	if w.Header().Get("Content-Encoding") == "gzip" {
		unzip, err := gzip.NewReader(bytes.NewReader(text))
		if err == nil {
			text, err = io.ReadAll(unzip)
		}
		if err != nil {
			t.Fatalf("%s %s: cannot decompress the answer: %v", r.Method, r.URL, err)
		}
	}
	kind := w.Header().Get("Content-Type")
	switch {
	case w.Code >= http.StatusInternalServerError:
		t.Errorf("%s %s is answered with %d: %s", r.Method, r.URL, w.Code, text)
	case kind == "application/json" && !json.Valid(text):
		t.Errorf("%s %s is answered with something other than JSON: %.300q", r.Method, r.URL, text)
	case w.Code >= http.StatusBadRequest && !strings.HasPrefix(kind, "text/html"):
		if line := strings.ReplaceAll(string(text), "\n", " "); redact.Printable(line) != line || len(line) > 10_000 {
			t.Errorf("%s %s is refused with a text that does not print, or is long: %.300q", r.Method, r.URL, text)
		}
	}
	if to, err := url.Parse(w.Header().Get("Location")); err != nil || to.Host != "" || to.Scheme != "" {
		t.Errorf("%s %s leads to another site: %q", r.Method, r.URL, w.Header().Get("Location"))
	}
	return w
}

// FuzzPort sends any request to the port, without the token. It must change nothing and log in no browser.
func FuzzPort(f *testing.F) {
	l, incident := firingLive(f)
	for _, seed := range [][4]string{
		{"GET", "/", "Host: localhost\nAccept-Encoding: gzip;q=0.5", ""},
		{"GET", "/api/v1/status", "Host: [::1]:9477\nAccept-Encoding: br, gzip", ""},
		{"GET", "/", "Host: localhost\nX-Forwarded-Host: a\nAccept: text/html", ""},
		{"GET", "/metrics", "Host: evil.example", ""},
		{"GET", "/metrics?name[]=x", "Host: 127.0.0.1\nAccept: application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=\xff", ""},
		{"POST", "/api/v1/silences", "Host: localhost\nAuthorization: Bearer x", `{"all": true, "until": "2099-01-01T00:00:00Z"}`},
		{"DELETE", "/api/v1/silences/%2e%2e", "Host: localhost", ""},
		{"POST", "/login?return=//evil.example", "Host: localhost\nContent-Type: application/x-www-form-urlencoded", "token=x&return=%5C%5Cevil"},
		{"POST", "/logout", "Host: localhost\nContent-Type: multipart/form-data; boundary=x\nSec-Fetch-Site: same-origin", "--x\r\n\r\n--x--"},
		{"GET", "/incident/" + incident, "Host: localhost\nCookie: squarewatch_session=e30.x; a=\"b", ""},
		{"GET", "/badge/feed.svg", "Host: localhost\nIf-None-Match: *\nRange: bytes=0-", ""},
		{"GET", "/incidents.atom", "Host: localhost", ""},
		{"GET", "/api/v1/database", "Host: localhost", ""},
		{"POST", "/-/reload", "Host: localhost\nOrigin: https://evil.example", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	h := l.daemon.fromAllowedHost(l.daemon.limited())
	before := changes{}
	f.Fuzz(func(t *testing.T, method, target, headers, body string) {
		r := readRequest(method, target, headers, body)
		if r == nil || r.URL.Path == "/events" {
			return
		}
		w := serveFuzzed(t, h, r)
		for _, c := range w.Result().Cookies() {
			if c.Value != "" {
				t.Errorf("%s %s gets a session: %v", method, target, c)
			}
		}
		if got := changesOf(t, l.daemon, incident); got != before {
			t.Errorf("%s %s changed %+v to %+v", method, target, before, got)
		}
	})
}

// FuzzChange sends any request as a person who may make changes, in forms and in JSON. A refused request must change nothing, and every
// stored text must be printable. INCIDENT in a body stands for the incident that fires.
func FuzzChange(f *testing.F) {
	l, incident := firingLive(f)
	form := "Host: localhost\nContent-Type: application/x-www-form-urlencoded"
	for _, seed := range [][3]string{
		{"/api/v1/silences", "Host: localhost", `{"rules": ["server-*"], "until": "` + time.Now().Add(time.Hour).Format(time.RFC3339) + `"}`},
		{"/api/v1/silences", "Host: localhost", `{"all": true, "series": ["["], "comment": "\u001b", "until": "9999-12-31T23:59:59-23:59"}`},
		{"/api/v1/silences", "Host: localhost", `{"all": true, "until": "` + "\x7f" + `2026-12-01T03:43:26Z"}`},
		{"/api/v1/incidents/acknowledge", "Host: localhost", `{"incident": "INCIDENT", "by": "ada"}`},
		{"/api/v1/incidents/silence", form, "incident=INCIDENT&for=1h&return=/incident/INCIDENT"},
		{"/api/v1/incidents/note", form, "incident=INCIDENT&text=asked+AISquare&by=ada&return=//evil.example"},
		{"/api/v1/incidents/note", "Host: localhost\nContent-Type: multipart/form-data; boundary=x", "--x\r\n" +
			"Content-Disposition: form-data; name=\"incident\"\r\n\r\nINCIDENT\r\n--x--\r\n"},
		{"/api/v1/incidents/note", "Host: localhost", `{"incident": "INCIDENT", "text": "` + strings.Repeat("x", 501) + `"}`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	h := l.daemon.limited()
	f.Fuzz(func(t *testing.T, target, headers, body string) {
		r := readRequest(http.MethodPost, target, headers, strings.ReplaceAll(body, "INCIDENT", incident))
		if r == nil || r.URL.Path == "/-/reload" {
			return
		}
		before := changesOf(t, l.daemon, incident)
		w := serveFuzzed(t, admitting(h), r)
		if after := changesOf(t, l.daemon, incident); w.Code >= http.StatusBadRequest && after != before {
			t.Errorf("%s %q is refused with %d, and changed %+v to %+v", target, body, w.Code, before, after)
		}
		for _, s := range l.daemon.silences.List() {
			checkSilence(t, &s)
			if err := l.daemon.silences.Remove(t.Context(), s.ID); err != nil {
				t.Error(err)
			}
		}
	})
}

// admitting treats every request as one over the socket.
func admitting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), peerKey{}, "tester")))
	})
}

// checkSilence checks a silence that was accepted: it ends within the longest time, its texts are printable, and it can be stored.
func checkSilence(t *testing.T, s *alert.Silence) {
	t.Helper()
	for _, text := range append([]string{s.By, s.Comment}, s.Rules...) {
		if redact.Printable(text) != text {
			t.Errorf("the silence has a text that does not print: %q", text)
		}
	}
	if left := time.Until(s.Until); left > 31*24*time.Hour || !strings.HasPrefix(s.By, "tester") {
		t.Errorf("want a silence of the caller for a month at most, got %v by %q", left, s.By)
	}
	if _, err := json.Marshal(s); err != nil {
		t.Error(err)
	}
}
