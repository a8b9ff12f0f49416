package probe_test

import (
	"bytes"
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
	"golang.org/x/net/http2/hpack"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// h2 is the server side of one HTTP/2 connection. It can send frames that a net/http server never sends.
type h2 struct {
	*http2.Framer
}

// request reads frames up to the next request and returns its stream.
func (s h2) request() (stream uint32, ok bool) {
	for {
		frame, err := s.ReadFrame()
		if err != nil {
			return 0, false
		}
		if headers, is := frame.(*http2.HeadersFrame); is {
			return headers.StreamID, true
		}
	}
}

// answer sends the head of a 200, and the first part of its body.
func (s h2) answer(stream uint32, part string, end bool) {
	var block bytes.Buffer
	_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true})
	_ = s.WriteData(stream, end, []byte(part))
}

// rawH2 serves HTTP/2 connections with a function and counts them.
func rawH2(t *testing.T, serve func(h2)) (target string, pool *x509.CertPool, conns *atomic.Int32) {
	t.Helper()
	donor, pool := aisquaretest.StartTLS(http.NotFoundHandler(), aisquaretest.TLSOptions{})
	donor.Close() // only its certificate is needed
	config := &tls.Config{Certificates: donor.TLS.Certificates, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	conns = &atomic.Int32{}
	address := raw(t, func(plain net.Conn) {
		conn := tls.Server(plain, config)
		if conn.HandshakeContext(context.WithoutCancel(t.Context())) != nil {
			return
		}
		conns.Add(1)
		if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		s := h2{http2.NewFramer(conn, conn)}
		_ = s.WriteSettings()
		serve(s)
	})
	return "https://" + address, pool, conns
}

func TestHTTP2(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve func(h2)
		class probe.Class
		phase probe.PhaseKind
		least int32 // connections that the server sees
		most  int32
	}{
		{"good", func(s h2) {
			stream, _ := s.request()
			s.answer(stream, "{}", true)
			s.request()
		}, probe.Success, probe.PhaseReceive, 1, 1},
		{"GOAWAY of this request", func(s h2) {
			stream, _ := s.request()
			_ = s.WriteGoAway(stream, http2.ErrCodeEnhanceYourCalm, nil)
		}, probe.ProtocolError, probe.PhaseWait, 1, 1},
		{"GOAWAY of every request, unseen", func(s h2) { // the client may send it again, but not endlessly
			s.request()
			_ = s.WriteGoAway(0, http2.ErrCodeNo, nil)
		}, probe.ProtocolError, "", 1, 4},
		{"GOAWAY immediately", func(s h2) {
			_ = s.WriteGoAway(0, http2.ErrCodeNo, nil)
			s.request()
		}, probe.ProtocolError, "", 1, 4},
		{"refused stream", func(s h2) {
			for {
				stream, ok := s.request()
				if !ok {
					return
				}
				_ = s.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
			}
		}, probe.ProtocolError, "", 1, 4},
		{"RST_STREAM before an answer", func(s h2) {
			stream, _ := s.request()
			_ = s.WriteRSTStream(stream, http2.ErrCodeInternal)
			s.request()
		}, probe.ProtocolError, probe.PhaseWait, 1, 1},
		{"RST_STREAM in the answer", func(s h2) {
			stream, _ := s.request()
			s.answer(stream, "{", false)
			_ = s.WriteRSTStream(stream, http2.ErrCodeInternal)
			s.request()
		}, probe.ProtocolError, probe.PhaseReceive, 1, 1},
		{"hang in the answer", func(s h2) {
			stream, _ := s.request()
			s.answer(stream, "{", false)
			s.request()
		}, probe.Timeout, probe.PhaseReceive, 1, 1},
		{"hang before settings and answer", func(s h2) {
			s.request()
			s.request()
		}, probe.Timeout, probe.PhaseWait, 1, 1},
		{"closed in the answer", func(s h2) {
			stream, _ := s.request()
			s.answer(stream, "{", false)
		}, probe.ProtocolError, probe.PhaseReceive, 1, 1},
		{"not HTTP/2", func(s h2) {
			s.request()
			_ = s.WriteRawFrame(http2.FrameData, 0, 77, []byte("junk"))
		}, probe.ProtocolError, probe.PhaseWait, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			target, pool, conns := rawH2(t, c.serve)
			p := probe.Probe{Path: "/", Timeout: 5 * time.Second}
			if c.class == probe.Timeout {
				p.Timeout = 500 * time.Millisecond
			}
			r := job(t, target, p, probe.RunnerOptions{TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}).Run(t.Context(), time.Now())
			if r.Class != c.class || r.Expected != (c.class == probe.Success) {
				t.Errorf("want %v, got %v %d: %s", c.class, r.Class, r.Code, r.Reason)
			}
			if n := conns.Load(); n < c.least || n > c.most {
				t.Errorf("want %d to %d connections, got %d: %s", c.least, c.most, n, r.Reason)
			}
			checkAttempts(t, r)
			if c.phase != "" { // else it depends on the progress of the last connection
				lastPhase(t, r, c.phase)
			}
		})
	}
}

// TestTransportRetryIsAnAttempt has a server that closes the first connection. The request that net/http sends again is a second
// attempt.
func TestTransportRetryIsAnAttempt(t *testing.T) {
	var served atomic.Bool
	target, pool, _ := rawH2(t, func(s h2) {
		stream, _ := s.request()
		if !served.Swap(true) {
			_ = s.WriteGoAway(0, http2.ErrCodeNo, nil)
			return
		}
		s.answer(stream, "{}", true)
		s.request()
	})
	r := job(t, target, probe.Probe{Path: "/"},
		probe.RunnerOptions{TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}).Run(t.Context(), time.Now())
	if !r.Expected || len(r.Attempts) != 2 || r.Attempts[0].Class != probe.ProtocolError || r.Attempts[1].Cause != probe.CauseRetry {
		t.Fatalf("want a healthy run with a broken attempt before the good one, got %+v (%s)", r.Attempts, r.Reason)
	}
	checkAttempts(t, r)
	if got := kindsOf(r.Attempts[0]) + ", " + kindsOf(r.Attempts[1]); got != "connect tls send wait, connect tls send wait receive" {
		t.Errorf("phases: got %s", got)
	}
}
