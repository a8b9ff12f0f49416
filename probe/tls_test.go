package probe_test

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

func TestTLSFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		tls    aisquaretest.TLSOptions
		trust  bool
		reason string
	}{
		{"self-signed", aisquaretest.TLSOptions{}, false, "unknown authority"},
		{"expired", aisquaretest.TLSOptions{NotAfter: time.Now().Add(-time.Hour)}, true, "expired"},
		{"wrong name", aisquaretest.TLSOptions{Names: []string{"elsewhere.example"}}, true, "cannot validate"},
		{"TLS 1.0 only", aisquaretest.TLSOptions{MaxVersion: tls.VersionTLS10}, true, "protocol version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, pool := aisquaretest.StartTLS(aisquaretest.New(aisquaretest.Options{}), c.tls)
			defer server.Close()
			config := &tls.Config{MinVersion: tls.VersionTLS12}
			if c.trust {
				config.RootCAs = pool
			}
			r := job(t, server.URL, probe.Probe{Path: discovery}, probe.RunnerOptions{TLS: config}).Run(t.Context(), time.Now())
			if r.Class != probe.TLSError || !strings.Contains(r.Reason, c.reason) {
				t.Errorf("want tls_error with %q, got %v: %s", c.reason, r.Class, r.Reason)
			}
			checkAttempts(t, r)
			if got := r.Attempts[0].Phases[len(r.Attempts[0].Phases)-1].Kind; got != probe.PhaseTLS {
				t.Errorf("last phase: want tls, got %s", got)
			}
		})
	}
}

func TestPlainAnswerToTLSIsATLSError(t *testing.T) {
	server := aisquaretest.Start(aisquaretest.New(aisquaretest.Options{}))
	defer server.Close()
	target := strings.Replace(server.URL, "http://", "https://", 1)
	r := job(t, target, probe.Probe{Path: discovery}, probe.RunnerOptions{}).Run(t.Context(), time.Now())
	if r.Class != probe.TLSError {
		t.Errorf("want tls_error, got %v: %s", r.Class, r.Reason)
	}
}

func marshalKey(tb testing.TB, key any) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}
