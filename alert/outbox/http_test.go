package outbox_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"squarewatch/alert/outbox"
)

func TestRetryAfterIsParsed(t *testing.T) {
	now := time.Date(2026, 10, 7, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"7": 7 * time.Second, "1.2": 2 * time.Second, "0": 0, "-5": 0, "": 0, "soon": 0, "NaN": 0, "1e300": 24 * time.Hour,
		"Wed, 07 Oct 2026 03:05:05 GMT": time.Minute,
		"Wed, 07 Oct 2026 03:00:00 GMT": 0,
		"Fri, 31 Dec 9999 23:59:59 GMT": 24 * time.Hour,
	} {
		if got := outbox.RetryAfter(text, now); got != want {
			t.Errorf("%q: want %v, got %v", text, want, got)
		}
	}
}

func FuzzRetryAfterIsBounded(f *testing.F) {
	f.Add("1")
	f.Add("Fri, 31 Dec 9999 23:59:59 GMT")
	f.Fuzz(func(t *testing.T, text string) {
		if got := outbox.RetryAfter(text, time.Unix(0, 0)); got < 0 || got > 24*time.Hour {
			t.Errorf("%q: %v", text, got)
		}
	})
}

func TestNoAnswerHidesTheAddressAndKeepsTheCause(t *testing.T) {
	cause := errors.New("connection refused")
	wrapped := &url.Error{Op: "Post", URL: "https://example.org/hush", Err: &url.Error{Op: "dial", URL: "https://proxy/hush", Err: cause}}
	got := outbox.NoAnswer(t.Context(), "post to a test", wrapped)
	if got.Reason != outbox.ReasonNetwork || got.Permanent || !errors.Is(got, cause) || strings.Contains(got.Error(), "hush") {
		t.Errorf("want a network fault with its cause and without the address, got %v", got)
	}
	if !strings.Contains(got.Error(), "post to a test: connection refused") {
		t.Errorf("want the action and the cause, got %v", got)
	}
	late, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	if got := outbox.NoAnswer(late, "post", cause); got.Reason != outbox.ReasonTimeout {
		t.Errorf("want a timeout, got %v", got)
	}
	if got := outbox.NoAnswer(t.Context(), "post", context.DeadlineExceeded); got.Reason != outbox.ReasonTimeout {
		t.Errorf("want a timeout for a deadline error, got %v", got)
	}
}
