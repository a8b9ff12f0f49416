package probe_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"squarewatch/config/secret"
	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// raw serves raw connections on a loopback port until the test ends, for answers that a net/http server never sends.
func raw(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	over, end := context.WithCancel(context.WithoutCancel(t.Context()))
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				stop := context.AfterFunc(over, func() { _ = conn.Close() })
				defer stop()
				defer func() { _ = conn.Close() }()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		end()
		serving.Wait()
	})
	return listener.Addr().String()
}

// swallow reads until the other side closes the connection, and answers nothing.
func swallow(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// answering sends the same bytes to every request that has no body.
func answering(answer string) func(net.Conn) {
	return func(conn net.Conn) {
		head(conn)
		_, _ = io.WriteString(conn, answer)
	}
}

// head reads a request's head.
func head(conn net.Conn) {
	var got strings.Builder
	one := make([]byte, 1)
	for !strings.HasSuffix(got.String(), "\r\n\r\n") {
		if _, err := conn.Read(one); err != nil {
			return
		}
		_ = got.WriteByte(one[0])
	}
}

// full listens with a full backlog, so that the kernel drops further connections.
func full(t *testing.T, network, address string) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
	if err != nil {
		t.Skipf("no loopback of that kind here: %v", err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	tcp, _ := listener.(*net.TCPListener)
	control, err := tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = control.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }) // with a shorter backlog than the standard library
	if err != nil {
		t.Fatal(err)
	}
	dialer := net.Dialer{Timeout: 200 * time.Millisecond}
	for range 16 {
		conn, err := dialer.DialContext(t.Context(), network, listener.Addr().String())
		if err != nil {
			return listener.Addr().String()
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Skip("this kernel lets a full queue grow")
	return ""
}

// silentDNS returns the address of a resolver that never answers.
func silentDNS(t *testing.T) string {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.LocalAddr().String()
}

func TestSlowInEveryPhase(t *testing.T) {
	const timeout = 300 * time.Millisecond
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
	trickle := func(conn net.Conn) {
		answering(head)(conn)
		for { // single bytes must not extend the deadline
			if _, err := conn.Write([]byte(" ")); err != nil {
				return
			}
			<-time.After(20 * time.Millisecond)
		}
	}
	stall := func(conn net.Conn) { answering(head + "half")(conn); swallow(conn) }
	large := secret.New(strings.Repeat("x", 16<<20))
	for _, c := range []struct {
		name, target, resolver string
		probe                  probe.Probe
		phase                  probe.PhaseKind
		reason                 string
	}{
		{name: "dns", target: "http://api.test", resolver: silentDNS(t), phase: probe.PhaseDNS, reason: "resolving"},
		{name: "connect", target: "http://" + full(t, "tcp4", "127.0.0.1:0"), phase: probe.PhaseConnect, reason: "connecting"},
		{name: "tls", target: "https://" + raw(t, swallow), phase: probe.PhaseTLS, reason: "handshake"},
		{
			name: "send", target: "http://" + raw(t, func(conn net.Conn) { <-time.After(time.Second) }),
			probe: probe.Probe{Body: large}, phase: probe.PhaseSend, reason: "sending",
		},
		{name: "wait", target: "http://" + raw(t, swallow), phase: probe.PhaseWait, reason: "first byte"},
		{name: "receive", target: "http://" + raw(t, stall), phase: probe.PhaseReceive, reason: "receiving"},
		{name: "trickle", target: "http://" + raw(t, trickle), phase: probe.PhaseReceive, reason: "receiving"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.probe.Path, c.probe.Timeout = "/", timeout
			r := routed(t, c.target, probe.Network{Resolver: c.resolver, Proxy: secret.New(probe.NoProxy)}, c.probe)
			if r.Class != probe.Timeout || r.Code != 0 || r.Expected || !strings.Contains(r.Reason, c.reason) {
				t.Errorf("want a timeout, %s, got %v %d: %s", c.reason, r.Class, r.Code, r.Reason)
			}
			if took := r.End.Sub(r.Start); took < timeout {
				t.Errorf("the run ended after %v, before its timeout", took)
			}
			checkAttempts(t, r)
			lastPhase(t, r, c.phase)
		})
	}
}

// lastPhase checks in which phase the last attempt of a run ended.
func lastPhase(t *testing.T, r *probe.Result, want probe.PhaseKind) {
	t.Helper()
	phases := r.Attempts[len(r.Attempts)-1].Phases
	if len(phases) == 0 || phases[len(phases)-1].Kind != want {
		t.Errorf("want %s for the last phase, got %v", want, phases)
	}
}

func TestBrokenAnswers(t *testing.T) {
	hangUp := func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.Close()
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		name, scheme string
		serve        func(net.Conn)
		class        probe.Class
		phase        probe.PhaseKind
	}{
		{"length too large", "http", answering(ok + "Content-Length: 9\r\n\r\nfour"), probe.ProtocolError, probe.PhaseReceive},
		{"length too small", "http", answering(ok + "Content-Length: 4\r\n\r\nfour and more"), probe.Success, probe.PhaseReceive},
		{"two lengths", "http", answering(ok + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nfour"), probe.ProtocolError, probe.PhaseReceive},
		{"negative length", "http", answering(ok + "Content-Length: -4\r\n\r\nfour"), probe.ProtocolError, probe.PhaseReceive},
		{"half a chunk", "http", answering(ok + "Transfer-Encoding: chunked\r\n\r\n9\r\nfour"), probe.ProtocolError, probe.PhaseReceive},
		{"not chunked", "http", answering(ok + "Transfer-Encoding: chunked\r\n\r\nfour"), probe.ProtocolError, probe.PhaseReceive},
		{"not gzip", "http", answering(ok + "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nfour"), probe.ProtocolError, probe.PhaseReceive},
		{"half a head", "http", answering(ok + "Content-Le"), probe.ProtocolError, probe.PhaseReceive},
		{"an unknown code", "http", answering("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), probe.ProtocolError, probe.PhaseReceive},
		{"text that looks like a TLS error", "http", answering("tls: bad certificate\r\n\r\n"), probe.ProtocolError, probe.PhaseReceive},
		{
			"early hints first", "http", answering("HTTP/1.1 103 Early Hints\r\n\r\n" + ok + "Content-Length: 4\r\n\r\nfour"), probe.Success,
			probe.PhaseReceive,
		},
		{
			"endless hints", "http", answering(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 100_000)), probe.ProtocolError,
			probe.PhaseWait,
		},
		{"closed in the handshake", "https", hangUp, probe.TLSError, probe.PhaseTLS},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			target := c.scheme + "://" + raw(t, c.serve)
			r := job(t, target, probe.Probe{Path: "/"}, probe.RunnerOptions{}).Run(t.Context(), time.Now())
			if r.Class != c.class || r.Expected != (c.class == probe.Success) {
				t.Errorf("want %v, got %v %d: %s", c.class, r.Class, r.Code, r.Reason)
			}
			checkAttempts(t, r)
			lastPhase(t, r, c.phase)
		})
	}
}

// TestAnswerBeforeTheRequestIsSent has a server that answers without reading the whole body. The send phase ends with the answer.
func TestAnswerBeforeTheRequestIsSent(t *testing.T) {
	target := "http://" + raw(t, func(conn net.Conn) {
		head(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\n")
		<-time.After(50 * time.Millisecond)
		_, _ = io.WriteString(conn, "four")
		<-time.After(time.Second)
	})
	p := probe.Probe{Path: "/", Body: secret.New(strings.Repeat("x", 16<<20)), Timeout: 5 * time.Second}
	r := job(t, target, p, probe.RunnerOptions{}).Run(t.Context(), time.Now())
	if r.Class != probe.ClientError || r.Code != 413 {
		t.Fatalf("want 413, got %v %d: %s", r.Class, r.Code, r.Reason)
	}
	checkAttempts(t, r)
	atLeast(t, r.Attempts[0], probe.PhaseReceive, 25*time.Millisecond)
}

// TestConcurrentFreshRunsShareNoConnection checks that a fresh run uses the connection that it made. Over HTTP/2 net/http would
// share one.
func TestConcurrentFreshRunsShareNoConnection(t *testing.T) {
	for _, http1 := range []bool{true, false} {
		var mu sync.Mutex
		requests := map[string]int{}
		server, pool := aisquaretest.StartTLS(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			requests[r.RemoteAddr]++
		}), aisquaretest.TLSOptions{HTTP1: http1})
		j := job(t, server.URL, probe.Probe{Path: "/"}, probe.RunnerOptions{TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}})
		var runs sync.WaitGroup
		for range 20 {
			runs.Go(func() {
				for range 4 {
					r := j.Run(t.Context(), time.Now())
					if a := r.Attempts[0]; !r.Expected || a.Reused || len(a.Phases) != 5 {
						t.Errorf("HTTP/1 %v: want five phases on a connection of its own, got reused=%v %v (%s)", http1, a.Reused, a.Phases, r.Reason)
					}
				}
			})
		}
		runs.Wait()
		server.Close()
		if len(requests) != 80 {
			t.Errorf("HTTP/1 %v: want 80 connections with a request each, got %d", http1, len(requests))
		}
	}
}

// atLeast checks that a phase has a minimum duration.
func atLeast(t *testing.T, a probe.Attempt, kind probe.PhaseKind, least time.Duration) {
	t.Helper()
	for _, p := range a.Phases {
		if p.Kind == kind {
			if took := p.End.Sub(p.Start); took < least {
				t.Errorf("%s: want at least %v, got %v", kind, least, took)
			}
			return
		}
	}
	t.Errorf("no phase %s in %v", kind, a.Phases)
}
