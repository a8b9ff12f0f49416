package probe_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// requiresHTTP1 serves HTTP/1.1 with 204, and HTTP/2 with HTTP_1_1_REQUIRED. IIS does so where it asks for a client certificate during a
// connection, which HTTP/2 does not allow (RFC 9113, sections 7 and 9.2.1; https://github.com/square/okhttp/issues/5100).
func requiresHTTP1(t *testing.T, refuse func(s h2, stream uint32)) (target string, pool *x509.CertPool, refused *atomic.Int32) {
	t.Helper()
	donor, pool := aisquaretest.StartTLS(http.NotFoundHandler(), aisquaretest.TLSOptions{})
	donor.Close() // only its certificate is needed
	config := &tls.Config{Certificates: donor.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}
	refused = &atomic.Int32{}
	address := raw(t, func(plain net.Conn) {
		conn := tls.Server(plain, config)
		if conn.HandshakeContext(context.WithoutCancel(t.Context())) != nil {
			return
		}
		if conn.ConnectionState().NegotiatedProtocol != "h2" {
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 204 None\r\nConnection: close\r\n\r\n")
			}
			return
		}
		_, _ = io.ReadFull(conn, make([]byte, len(http2.ClientPreface)))
		s := h2{http2.NewFramer(conn, conn)}
		_ = s.WriteSettings()
		if stream, ok := s.request(); ok {
			refused.Add(1)
			refuse(s, stream)
		}
	})
	return "https://" + address, pool, refused
}

// TestAServerThatRequiresHTTP11GetsIt asks for HTTP/1.1 for a request and for a connection. The next run begins with HTTP/1.1.
func TestAServerThatRequiresHTTP11GetsIt(t *testing.T) {
	for name, refuse := range map[string]func(s h2, stream uint32){
		"RST_STREAM": func(s h2, stream uint32) {
			_ = s.WriteRSTStream(stream, http2.ErrCodeHTTP11Required)
			s.request()
		},
		"GOAWAY": func(s h2, stream uint32) { _ = s.WriteGoAway(stream, http2.ErrCodeHTTP11Required, nil) },
	} {
		for _, connection := range []probe.Connection{probe.Fresh, probe.Reuse} {
			target, pool, refused := requiresHTTP1(t, refuse)
			j := job(t, target, probe.Probe{Path: "/", Connection: connection}, probe.RunnerOptions{
				TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
			})
			first := j.Run(t.Context(), time.Now())
			if !first.Expected || causes(first) != "first retry" || first.Attempts[1].Protocol != "1.1" {
				t.Errorf("%s, %s: want a retry over HTTP/1.1, got %q (%s)", name, connection, causes(first), first.Reason)
			}
			checkAttempts(t, first)
			if next := j.Run(t.Context(), time.Now()); !next.Expected || causes(next) != "first" || refused.Load() != 1 {
				t.Errorf("%s, %s: want HTTP/1.1 first, got %q after %d refusals (%s)", name, connection, causes(next), refused.Load(), next.Reason)
			}
		}
	}
}

// TestHTTP2CanBeSwitchedOff sets network.http of the file.
func TestHTTP2CanBeSwitchedOff(t *testing.T) {
	target, pool, refused := requiresHTTP1(t, func(h2, uint32) {})
	n := probe.Network{HTTP: "1.1"}
	options := probe.RunnerOptions{TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	if err := n.Route(&options); err != nil {
		t.Fatal(err)
	}
	r := job(t, target, probe.Probe{Path: "/"}, options).Run(t.Context(), time.Now())
	if !r.Expected || r.Attempts[0].Protocol != "1.1" || refused.Load() != 0 {
		t.Errorf("want HTTP/1.1, got %s (%s)", r.Attempts[0].Protocol, r.Reason)
	}
	wrong := probe.Network{HTTP: "3"}
	if wrong.Validate() == nil {
		t.Error("want another version refused")
	}
}
