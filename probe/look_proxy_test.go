package probe_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/config/secret"
	"squarewatch/probe"
)

// tunnel is our own proxy. It never connects a client to the target.
type tunnel struct {
	answers bool        // requests about the proxy itself
	login   atomic.Bool // a look sent the login of the proxy
}

func (p *tunnel) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		defer func() { _ = far.Close() }()
		r, err := http.ReadRequest(bufio.NewReader(far))
		if err == nil && r.Method == http.MethodOptions {
			if r.Header.Get("Authorization")+r.Header.Get("Proxy-Authorization") != "" {
				p.login.Store(true)
			}
			if p.answers {
				_, _ = io.WriteString(far, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
			}
		}
		_, _ = io.Copy(io.Discard, far)
	}()
	return near, nil
}

// TestAProxyThatSaysNothing has a proxy that does not answer CONNECT: it may be broken, or may wait for the target.
func TestAProxyThatSaysNothing(t *testing.T) {
	for name, c := range map[string]struct {
		address string
		answers bool
		looks   string
		blame   probe.Blame
	}{
		"nothing at all":              {"http://user:pass@proxy.example:3128", false, "proxy", probe.BlameNetwork},
		"it answers about itself":     {"http://user:pass@proxy.example:3128", true, "proxy", probe.BlameUnknown},
		"it does not speak HTTP":      {"socks5://proxy.example:1080", false, "", probe.BlameUnknown},
		"it does not speak HTTP, too": {"socks5h://proxy.example:1080", true, "", probe.BlameUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &tunnel{answers: c.answers}
				options := probe.RunnerOptions{Dial: p.dial}
				if err := (&probe.Network{Proxy: secret.New(c.address)}).Route(&options); err != nil {
					t.Fatal(err)
				}
				j := job(t, "https://target.example", probe.Probe{Path: "/", Timeout: 3 * time.Second}, options)
				began := time.Now()
				r := j.Run(t.Context(), began)
				if r.Blame != c.blame || looks(r) != c.looks || p.login.Load() {
					t.Errorf("want %q after looks %q, got %q (%s), looks %q, login sent: %v", c.blame, c.looks, r.Blame, because(r), looks(r),
						p.login.Load())
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("want a look of two seconds at most, got %v", took)
				}
			})
		})
	}
}

// ended is a connection that our own proxy ends.
type ended struct {
	net.Conn

	err error
}

func (c ended) Read([]byte) (int, error) { return 0, c.err }

// TestAProxyThatEndsTheConnection has a proxy that stops after it was asked to connect. That says nothing about the target.
func TestAProxyThatEndsTheConnection(t *testing.T) {
	for _, err := range []error{io.EOF, &net.OpError{Op: "read", Err: syscall.ECONNRESET}} {
		synctest.Test(t, func(t *testing.T) {
			p := &tunnel{}
			options := probe.RunnerOptions{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, dialErr := p.dial(ctx, network, address)
				return ended{conn, err}, dialErr
			}}
			if err := (&probe.Network{Proxy: secret.New("http://proxy.example:3128")}).Route(&options); err != nil {
				t.Fatal(err)
			}
			j := job(t, "https://target.example", probe.Probe{Path: "/", Timeout: 3 * time.Second}, options)
			if r := j.Run(t.Context(), time.Now()); r.Blame != probe.BlameUnknown || looks(r) != "proxy" {
				t.Errorf("%v: want an unknown culprit after a look, got %q (%s), looks %q: %s", err, r.Blame, because(r), looks(r), r.Reason)
			}
		})
	}
}
