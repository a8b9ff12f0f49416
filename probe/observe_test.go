package probe

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"squarewatch/probe/blame"
	"squarewatch/probe/redact"
)

func TestAPageIsHTML(t *testing.T) {
	for _, c := range []struct {
		label, body string
		page        bool
	}{
		{"text/html; charset=utf-8", "<h1>Down</h1>", true},
		{"TEXT/HTML", "", true},
		{"application/xhtml+xml", "<html/>", true},
		{"", "\n <!DOCTYPE html><html>", true},
		{"application/json", "<html><body>nginx</body></html>", true},
		{"text/html", `{"detail": "Not found."}`, false},
		{"application/json", `{"detail": "Not found."}`, false},
		{"text/plain", "Bad gateway", false},
		{"", "", false},
	} {
		if got := isPage(http.Header{"Content-Type": {c.label}}, []byte(c.body)); got != c.page {
			t.Errorf("%q, %q: want page %v, got %v", c.label, c.body, c.page, got)
		}
	}
}

func TestAChallengeIsForeignWithoutBearer(t *testing.T) {
	for challenges, foreign := range map[string]bool{
		"":                            false,
		`Bearer realm="api"`:          false,
		"bearer":                      false,
		`Basic realm="staff"`:         true,
		"Negotiate":                   true,
		`Basic realm="x", Bearer`:     false,
		"Basic\nBearer realm=\"api\"": false,
		`Basic realm="bearer"`:        true,
	} {
		header := http.Header{}
		for challenge := range strings.SplitSeq(challenges, "\n") {
			if challenge != "" {
				header.Add("WWW-Authenticate", challenge)
			}
		}
		if got := isForeign(header); got != foreign {
			t.Errorf("%q: want foreign %v, got %v", challenges, foreign, got)
		}
	}
}

// TestErrorsOfConnections has errors as package net and crypto/tls make them.
func TestErrorsOfConnections(t *testing.T) {
	dial := func(errno syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
	}
	for _, c := range []struct {
		class Class
		err   error
		want  blame.Link
	}{
		{ConnectError, dial(syscall.ECONNREFUSED), blame.LinkRefused},
		{ConnectError, dial(syscall.ECONNRESET), blame.LinkRefused},
		{ConnectError, dial(syscall.ENETUNREACH), blame.LinkNoRoute},
		{ConnectError, dial(syscall.ENETDOWN), blame.LinkNoRoute},
		{ConnectError, dial(syscall.EADDRNOTAVAIL), blame.LinkNoRoute},
		{ConnectError, dial(syscall.EHOSTUNREACH), blame.LinkNoAnswer},
		{Timeout, dial(syscall.ETIMEDOUT), blame.LinkNoAnswer},
		{Timeout, nil, blame.LinkNoAnswer},
		{ConnectError, &net.OpError{Op: "proxyconnect", Net: "tcp", Err: dial(syscall.ECONNREFUSED)}, blame.LinkProxy},
		{ConnectError, &net.OpError{Op: "socks connect", Net: "tcp", Err: dial(syscall.ECONNREFUSED)}, blame.LinkProxy},
		{ConnectError, &net.OpError{Op: "socks connect", Net: "tcp", Err: errors.New("unknown error host unreachable")}, blame.LinkNoAnswer},
		{ConnectError, &proxyError{code: 407}, blame.LinkProxy},
		{ConnectError, &proxyError{code: 403}, blame.LinkProxy},
		{ConnectError, errors.New("Bad Gateway"), blame.LinkNoAnswer},
		{TLSError, fmt.Errorf("tls: failed to verify certificate: %w", x509.UnknownAuthorityError{}), blame.LinkUntrusted},
		{TLSError, fmt.Errorf("tls: failed to verify certificate: %w", x509.CertificateInvalidError{Reason: x509.Expired}), blame.LinkTLS},
		{TLSError, errors.New("EOF"), blame.LinkTLS},
	} {
		if got := linkKind(c.class, c.err); got != c.want {
			t.Errorf("%v, %v: want %d, got %d", c.class, c.err, c.want, got)
		}
	}
}

func TestErrorsOfTheResolver(t *testing.T) {
	for _, c := range []struct {
		err  error
		want blame.DNS
	}{
		{&net.DNSError{Err: "no such host", IsNotFound: true}, blame.DNSNoName},
		{&net.DNSError{Err: "server misbehaving", IsTemporary: true}, blame.DNSFailed},
		{&net.DNSError{Err: "i/o timeout", IsTimeout: true, IsTemporary: true}, blame.DNSNoAnswer},
		{&net.DNSError{Err: "dial udp 127.0.0.53:53: connect: network is unreachable"}, blame.DNSNoAnswer},
		{&net.DNSError{Err: "read udp 127.0.0.1:4->127.0.0.53:53: read: connection refused"}, blame.DNSNoAnswer},
		{nil, blame.DNSNoAnswer},
	} {
		if got := dnsKind(c.err); got != c.want {
			t.Errorf("%v: want %d, got %d", c.err, c.want, got)
		}
	}
}

// FuzzForeignAnswer reads what a gateway or the API may send.
func FuzzForeignAnswer(f *testing.F) {
	f.Add([]byte(`{"detail": "User is inactive", "code": "user_inactive"}`), "application/json", `Bearer realm="api"`, "120")
	f.Add([]byte("<html><title>401</title></html>"), "text/html", `Basic realm="x"`, "Wed, 21 Oct 2026 07:28:00 GMT")
	f.Fuzz(func(t *testing.T, body []byte, label, challenge, after string) {
		header := http.Header{"Content-Type": {label}, "Www-Authenticate": {challenge}}
		if isPage(header, body) && isJSON(body) {
			t.Error("an answer is a page and JSON")
		}
		isForeign(header)
		if words := (*redact.Secrets)(nil).Words(body); len([]rune(words)) > 300 || strings.ContainsAny(words, "\n\r\x00\x1b") {
			t.Errorf("want one short line, got %q", words)
		}
		if wait := retryAfter(after, noon()); wait < 0 || wait.Hours() > 24 {
			t.Errorf("%q: got %v", after, wait)
		}
	})
}

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func TestTheReasonSaysWhatTheStatusMeans(t *testing.T) {
	for _, c := range []struct {
		code  int
		after string
		want  string
	}{
		{500, "30", ""},
		{502, "", "; the answer comes from a gateway before the API: it got no valid answer from the API"},
		{504, "", "; the answer comes from a gateway before the API: it got no answer from the API in time"},
		{503, "", ""},
		{503, "30", "; it asks to come back after 30s"},
		{429, "120", "; it asks to come back after 2m0s"},
		{503, "nonsense", ""},
		{503, "-5", ""},
		{503, "999999", "; it asks to come back after 24h0m0s"},
		{503, "Wed, 21 Oct 2015 07:28:00 GMT", ""},
	} {
		seen := observation{last: &Attempt{Code: c.code}, header: http.Header{"Retry-After": {c.after}}}
		if got := hint(&seen); got != c.want {
			t.Errorf("%d, %q: want %q, got %q", c.code, c.after, c.want, got)
		}
	}
	if got := retryAfter("Sun, 01 Mar 2026 12:00:45 GMT", noon()); got != 45*time.Second {
		t.Errorf("want 45s, got %v", got)
	}
}
