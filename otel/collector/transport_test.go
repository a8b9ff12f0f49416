package collector_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/otel/collector"
)

// fakeTransport returns responses without a network.
type fakeTransport func() *http.Response

func (f fakeTransport) RoundTrip(*http.Request) (*http.Response, error) { return f(), nil }

func request(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://collector", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOnlyCollectorsResponsesAreSuccess(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		kind, body string
		want       bool
	}{
		"page":            {200, "text/html; charset=utf-8", "<title>Sign in</title>", false},
		"page of no type": {200, "", "<title>Sign in</title>", false},
		"text":            {202, "text/plain", "ok", false},
		"broken type":     {200, "text/", "ok", false},
		"protobuf":        {200, "application/x-protobuf", "\n\x00", true},
		"JSON":            {200, "application/json; charset=utf-8", "{}", true},
		"nothing":         {200, "", "", true},
		"empty page":      {200, "text/html", "", true},
		"no content":      {204, "", "", true},
	} {
		transport := collector.NewTransport(fakeTransport(func() *http.Response {
			return &http.Response{
				StatusCode: c.status, Status: "200 OK", Header: http.Header{"Content-Type": {c.kind}}, Body: io.NopCloser(strings.NewReader(c.body)),
			}
		}))
		response, err := transport.RoundTrip(request(t))
		if (err == nil) != c.want {
			t.Errorf("%s: want a collector's response: %v, got %v", name, c.want, err)
			continue
		}
		if err != nil {
			continue
		}
		if body, err := io.ReadAll(response.Body); err != nil || string(body) != c.body {
			t.Errorf("%s: want the whole body left to read, got %q and %v", name, body, err)
		}
		_ = response.Body.Close()
	}
}

// TestPausesEnd tries every second until the second request is sent.
func TestPausesEnd(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		retryAfter string
		want       time.Duration
	}{
		"seconds":            {503, "60", time.Minute},
		"too many":           {429, "7", 7 * time.Second},
		"date":               {503, "Sat, 01 Jan 2000 00:01:30 GMT", 90 * time.Second}, // the bubble begins on that day
		"a day":              {503, "86400", 5 * time.Minute},
		"a year, by mistake": {503, "Mon, 01 Jan 2001 00:00:00 GMT", 5 * time.Minute},
		"in the past":        {503, "Fri, 31 Dec 1999 00:00:00 GMT", time.Second},
		"below zero":         {503, "-5", time.Second},
		"no number":          {503, "soon", time.Second},
		"not asked for":      {503, "", time.Second},
		"another failure":    {500, "60", time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			sent, begin := 0, time.Now()
			transport := collector.NewTransport(fakeTransport(func() *http.Response {
				sent++
				return &http.Response{StatusCode: c.status, Header: http.Header{"Retry-After": {c.retryAfter}}, Body: http.NoBody}
			}))
			for {
				response, err := transport.RoundTrip(request(t))
				if err == nil {
					_ = response.Body.Close()
				} else if !strings.Contains(err.Error(), "no requests until") {
					t.Errorf("%s: want an error with the end of the pause, got %v", name, err)
				}
				if sent == 2 {
					break
				}
				<-time.After(time.Second)
			}
			if got := time.Since(begin); got != c.want {
				t.Errorf("%s: want the next request after %v, got %v", name, c.want, got)
			}
		})
	}
}
