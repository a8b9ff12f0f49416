package slack_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"squarewatch/alert/slack"
	"squarewatch/config/secret"
)

func FuzzOnlyAnAcceptedMessageIsDelivered(f *testing.F) {
	f.Add(429, "1", "rate_limited", "text/plain")
	f.Add(200, "", "ok", "")
	f.Add(404, "-5", "no_service", "text/html")
	f.Fuzz(func(t *testing.T, status int, after, body, contentType string) {
		if status < 200 || status > 599 {
			t.Skip()
		}
		n := slack.New(slack.Settings{WebhookURL: secret.New("http://127.0.0.1/" + token)}, slack.Options{
			Client: &http.Client{Transport: roundTrip(func(*http.Request) *http.Response {
				return &http.Response{
					StatusCode: status, Body: io.NopCloser(strings.NewReader(body)),
					Header: http.Header{"Retry-After": {after}, "Content-Type": {contentType}},
				}
			})},
		})
		err := deliver(t.Context(), t, n)
		taken := status == http.StatusOK && strings.TrimSpace(body) == "ok"
		if taken != (err == nil) {
			t.Errorf("%d %q: want it taken: %v, got %v", status, body, taken, err)
		}
		if err == nil {
			return
		}
		if got := faultOf(t, err); got.RetryAfter < 0 || got.RetryAfter > 24*time.Hour {
			t.Errorf("retry after %s", got.RetryAfter)
		}
	})
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }
