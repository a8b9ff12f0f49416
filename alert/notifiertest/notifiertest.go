// Package notifiertest holds the tests that every notifier must pass.
//
// The test of a notifier describes its destination with a [Harness] and calls [Run]. Run replaces the destination by a server on a real
// socket that answers, refuses, hangs and cuts the connection.
package notifiertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

// Harness describes a destination.
type Harness struct {
	// New returns the notifier under test, which delivers to the address of a server. It is called once for each test.
	New func(t *testing.T, address string) outbox.Notifier
	// Accept answers as the destination does when it accepts a message.
	Accept http.HandlerFunc
	// Refusals are the destination's permanent refusals, at least one. The keys are names of tests.
	Refusals map[string]http.HandlerFunc
	// Secrets are texts of the settings, such as tokens, that no error may contain. At least one.
	Secrets []string
	// Inspect fails the test if a request with hostile texts could do harm at the destination, such as mention people. It may be nil. The
	// server calls it from its own goroutines.
	Inspect func(t *testing.T, request *http.Request, body []byte)
}

// Run tests the behaviour that the outbox requires of a notifier.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.New == nil || h.Accept == nil || len(h.Refusals) == 0 || len(h.Secrets) == 0 {
		t.Fatal("the harness is incomplete: New, Accept, Refusals and Secrets are needed")
	}
	t.Run("an accepted message returns no error", h.testAccepted)
	t.Run("a later message of an incident is accepted", h.testLater)
	t.Run("every failure has its reason", h.testFailures)
	t.Run("a refusal is permanent and says what to do", h.testRefusals)
	t.Run("an attempt ends with its context", h.testContext)
	t.Run("no server listens", h.testNoServer)
	t.Run("a server repeats the request as its answer", h.testEcho)
	t.Run("hostile texts are delivered as text", h.testHostile)
	t.Run("its address is a fingerprint of where messages go", h.testAddress)
	t.Run("goroutines deliver at the same time", h.testConcurrency)
}

// serve returns a notifier whose destination is the handler.
func (h *Harness) serve(t *testing.T, handler http.HandlerFunc) outbox.Notifier {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	// The test cuts connections on purpose, so the server's complaints are discarded.
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	return h.New(t, server.URL)
}

// fails delivers a message that must fail, and returns the error.
func (h *Harness) fails(ctx context.Context, t *testing.T, n outbox.Notifier) *outbox.DeliveryError {
	t.Helper()
	_, err := n.Deliver(ctx, Notification(alert.EventFiring))
	failure, ok := errors.AsType[*outbox.DeliveryError](err)
	if !ok || failure == nil {
		t.Fatalf("want an outbox.DeliveryError, got %v", err)
	}
	h.checkSecrets(t, err)
	if failure.Permanent != (failure.Fix != "") {
		t.Errorf("Permanent is %v and Fix is %q: want a fix exactly for a permanent failure", failure.Permanent, failure.Fix)
	}
	return failure
}

// checkSecrets fails the test if an error or one of its causes prints a secret.
func (h *Harness) checkSecrets(t *testing.T, err error) {
	t.Helper()
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Error("failed", "error", cause)
		for _, text := range []string{cause.Error(), fmt.Sprintf("%+v", cause), log.String()} {
			for _, secret := range h.Secrets {
				if strings.Contains(text, secret) {
					t.Errorf("an error contains a secret: %s", text)
				}
			}
		}
	}
}

func (h *Harness) testAccepted(t *testing.T) {
	n := h.serve(t, h.Accept)
	for _, event := range []alert.Event{alert.EventFiring, alert.EventUpdate, alert.EventResolved, alert.EventEnded, alert.EventTest} {
		// this also fails for a nil *DeliveryError in a non-nil error
		if _, err := n.Deliver(t.Context(), Notification(event)); err != nil {
			t.Errorf("%s: want no error, got %#v", event, err)
		}
	}
}

// testAddress checks that Address differs between destinations, and is a fingerprint that does not reveal them.
func (h *Harness) testAddress(t *testing.T) {
	address := func(of string) string {
		n, ok := h.New(t, of).(outbox.Addressed)
		if !ok {
			t.Fatal("want an outbox.Addressed: otherwise a new address gets RESOLVED without FIRING")
		}
		return n.Address()
	}
	one, again, other := address("http://127.0.0.1:1"), address("http://127.0.0.1:1"), address("http://127.0.0.1:2")
	if one != again || one == other {
		t.Errorf("want one fingerprint for each address, got %q and %q for the first, %q for another", one, again, other)
	}
	if len(one) != len(outbox.Fingerprint()) {
		t.Errorf("want a result of outbox.Fingerprint, got %q", one)
	}
}

// testLater passes the reference of the first message to later ones, as the outbox does.
func (h *Harness) testLater(t *testing.T) {
	n := h.serve(t, h.Accept)
	first := Notification(alert.EventFiring)
	ref, delivered := "", false
	for _, event := range []alert.Event{alert.EventFiring, alert.EventUpdate, alert.EventResolved, alert.EventFiring, alert.EventEnded} {
		later := Notification(event)
		later.Ref = ref
		if delivered {
			later.Group = []alert.Incident{first.Incident}
		}
		next, err := n.Deliver(t.Context(), later)
		if err != nil {
			t.Fatalf("%s with the reference %q: want no error, got %v", event, ref, err)
		}
		delivered = true
		if next != "" {
			ref = next
		}
	}
	for _, strange := range []string{"x", "/", "C1/", "\x00/\xff", strings.Repeat("C/", 5000)} {
		later := Notification(alert.EventResolved)
		later.Ref = strange // as if another notifier with the same name had returned it earlier
		if _, err := n.Deliver(t.Context(), later); err != nil {
			t.Errorf("a reference that is not its own: want no error, got %v", err)
		}
	}
}

func (h *Harness) testFailures(t *testing.T) {
	for name, test := range map[string]struct {
		answer     http.HandlerFunc
		reason     string
		retryAfter time.Duration
	}{
		"429 with Retry-After":  {Answer(http.StatusTooManyRequests, "7", ""), "rate_limited", 7 * time.Second},
		"429 alone":             {Answer(http.StatusTooManyRequests, "", ""), "rate_limited", 0},
		"429 with nonsense":     {Answer(http.StatusTooManyRequests, "soon", ""), "rate_limited", 0},
		"500":                   {Answer(http.StatusInternalServerError, "", "oops"), "unavailable", 0},
		"502 of a proxy":        {Answer(http.StatusBadGateway, "", "<html>"), "unavailable", 0},
		"503 with Retry-After":  {Answer(http.StatusServiceUnavailable, "30", ""), "unavailable", 30 * time.Second},
		"cut before an answer":  {Cut(""), "network", 0},
		"cut inside the answer": {Cut("HTTP/1.1 20"), "network", 0},
		"no HTTP":               {Cut("hello\r\n\r\n"), "network", 0},
	} {
		t.Run(name, func(t *testing.T) {
			failure := h.fails(t.Context(), t, h.serve(t, test.answer))
			uncertain := test.reason == "network" // the destination may have received the request
			if failure.Reason != test.reason || failure.RetryAfter != test.retryAfter || failure.Permanent || failure.Uncertain != uncertain {
				t.Errorf("want %s, to be tried again after %v, got %+v", test.reason, test.retryAfter, failure)
			}
		})
	}
}

func (h *Harness) testRefusals(t *testing.T) {
	for name, answer := range h.Refusals {
		t.Run(name, func(t *testing.T) {
			if failure := h.fails(t.Context(), t, h.serve(t, answer)); !failure.Permanent || failure.Reason != "refused" {
				t.Errorf("want a permanent refusal with what to do, got %+v", failure)
			}
		})
	}
}

// testContext lets the destination hang, and checks that delivery fails with a timeout. It does not check how soon.
func (h *Harness) testContext(t *testing.T) {
	released := make(chan struct{})
	n := h.serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-released
	})
	defer close(released)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if failure := h.fails(ctx, t, n); failure.Reason != "timeout" || failure.Permanent {
		t.Errorf("want a timeout, got %+v", failure)
	}
}

func (h *Harness) testNoServer(t *testing.T) {
	server := httptest.NewServer(h.Accept)
	n := h.New(t, server.URL)
	server.Close()
	if failure := h.fails(t.Context(), t, n); failure.Reason != "network" || failure.Permanent || failure.Uncertain {
		t.Errorf("want a network failure that certainly delivered nothing, got %+v", failure)
	}
}

// testEcho sends parts of the request back as an answer that is not valid HTTP. An error must not quote them.
func (h *Harness) testEcho(t *testing.T) {
	for _, piece := range []func(*http.Request) string{
		func(r *http.Request) string { return "POST " + r.RequestURI + " HTTP/1.1" },
		func(r *http.Request) string {
			return "HTTP/1.1 200 OK\r\n" + r.Header.Get("Authorization") + " " + r.RequestURI
		},
		func(r *http.Request) string { return r.Header.Get("Authorization") + " HTTP/1.1" },
	} {
		n := h.serve(t, func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = conn.Write([]byte(piece(r) + "\r\n\r\n"))
			_ = conn.Close()
		})
		if failure := h.fails(t.Context(), t, n); failure.Reason != "network" || failure.Permanent {
			t.Errorf("want a network failure, got %+v", failure)
		}
	}
}

func (h *Harness) testHostile(t *testing.T) {
	n := h.serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !utf8.Valid(body) {
			t.Errorf("want a body of valid UTF-8, got an error %v or broken text", err)
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if h.Inspect != nil {
			h.Inspect(t, r, body)
		}
		h.Accept(w, r)
	})
	for name, text := range hostile() {
		for _, event := range []alert.Event{alert.EventFiring, alert.EventUpdate, alert.EventResolved, alert.EventEnded} {
			if _, err := n.Deliver(t.Context(), withText(event, text)); err != nil {
				t.Errorf("%s with %s: want it delivered, got %v", event, name, err)
			}
		}
	}
}

func (h *Harness) testConcurrency(t *testing.T) {
	const each, at = 5, 8
	var mu sync.Mutex
	count := 0
	n := h.serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		count++
		mu.Unlock()
		h.Accept(w, r)
	})
	var senders sync.WaitGroup
	for range at {
		senders.Go(func() {
			for range each {
				if _, err := n.Deliver(t.Context(), Notification(alert.EventFiring)); err != nil {
					t.Errorf("want no error, got %v", err)
				}
			}
		})
	}
	senders.Wait()
	if count < each*at {
		t.Errorf("want %d messages at the destination, got %d", each*at, count)
	}
}

// Answer returns a handler that reads the message and answers with a status, a Retry-After header unless it is empty, and a body.
func Answer(status int, retryAfter, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Cut returns a handler that reads the message, writes raw bytes and closes the connection.
func Cut(raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			http.Error(w, "the test needs HTTP/1.1", http.StatusInternalServerError)
			return
		}
		defer func(c net.Conn) { _ = c.Close() }(conn)
		_, _ = io.WriteString(conn, raw)
	}
}
