package probe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"squarewatch/config/secret"
	"squarewatch/probe"
)

// refusing dials with an error of the operating system.
func refusing(call string, errno syscall.Errno, to string) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		address, err := net.ResolveTCPAddr("tcp", to)
		return nil, errors.Join(err, &net.OpError{Op: "dial", Net: "tcp", Addr: address, Err: os.NewSyscallError(call, errno)})
	}
}

// TestAShortageOfOursIsNotBlamedOnTheAPI has each error of a shortage, and two that look like one.
func TestAShortageOfOursIsNotBlamedOnTheAPI(t *testing.T) {
	for name, test := range map[string]struct {
		dial func(context.Context, string, string) (net.Conn, error)
		ours bool
	}{
		"no descriptor":       {refusing("socket", syscall.EMFILE, "127.0.0.1:1"), true},
		"none on the machine": {refusing("socket", syscall.ENFILE, "127.0.0.1:1"), true},
		"no buffer":           {refusing("connect", syscall.ENOBUFS, "127.0.0.1:1"), true},
		"no memory":           {refusing("connect", syscall.ENOMEM, "127.0.0.1:1"), true},
		"no port":             {refusing("connect", syscall.EADDRNOTAVAIL, "127.0.0.1:1"), true},
		"no such family here": {refusing("connect", syscall.EADDRNOTAVAIL, "[fe80::1%nowhere]:1"), false},
		"refused":             {refusing("connect", syscall.ECONNREFUSED, "127.0.0.1:1"), false},
		"no descriptor for DNS": {func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{
				Err: "dial udp 127.0.0.53:53: socket: too many open files", Name: "target.example",
			}}
		}, true},
	} {
		r := job(t, "http://target.example", probe.Probe{Path: "/"}, probe.RunnerOptions{Dial: test.dial}).Run(t.Context(), time.Now())
		if (r.Blame == probe.BlameWatcher) != test.ours || r.Expected {
			t.Errorf("%s: want a shortage of our own: %v, got blame %q: %s", name, test.ours, r.Blame, r.Reason)
		}
	}
}

// TestALoginWithoutADescriptorIsOurOwnShortage checks that the login service is not blamed.
func TestALoginWithoutADescriptorIsOurOwnShortage(t *testing.T) {
	login := probe.LoginRequest{Path: "/login", Body: map[string]secret.Text{"a": secret.New("bcde")}}
	credential, err := probe.NewLogin(probe.LoginSettings{Login: login})
	if err != nil {
		t.Fatal(err)
	}
	r := job(t, "http://target.example", probe.Probe{Path: "/", Credential: "member"}, probe.RunnerOptions{
		Dial: refusing("socket", syscall.EMFILE, "127.0.0.1:1"), Credentials: map[string]probe.Credential{"member": credential},
	}).Run(t.Context(), time.Now())
	said, _ := json.Marshal(r.Renewals)
	if r.Blame != probe.BlameWatcher || len(r.Renewals) != 1 || !strings.Contains(r.Renewals[0].Error, "too many open files") {
		t.Errorf("want our own shortage, got blame %q: %s, %s", r.Blame, r.Reason, said)
	}
}

// TestARefusedSocketIsOurOwnShortage refuses the socket to the target, and the socket to the DNS server.
func TestARefusedSocketIsOurOwnShortage(t *testing.T) {
	for kind, target := range map[string]string{"tcp": "http://127.0.0.1:1", "udp": "http://target.example"} {
		options := probe.RunnerOptions{Control: func(network, _ string, _ syscall.RawConn) error {
			if strings.HasPrefix(network, kind) {
				return fmt.Errorf("kept for others: %w", syscall.EMFILE)
			}
			return nil
		}}
		network := probe.Network{Resolver: "127.0.0.1:53", Proxy: secret.New(probe.NoProxy)}
		if err := network.Route(&options); err != nil {
			t.Fatal(err)
		}
		r := job(t, target, probe.Probe{Path: "/"}, options).Run(t.Context(), time.Now())
		if r.Blame != probe.BlameWatcher || !strings.Contains(r.Reason, "kept for others") {
			t.Errorf("%s: want our own shortage, got blame %q: %s", target, r.Blame, r.Reason)
		}
	}
}

// TestKeptConnectionsEndBeforeARunIsRefused has one descriptor, and a kept connection uses it.
func TestKeptConnectionsEndBeforeARunIsRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	var open atomic.Int64
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	runner := probe.NewRunner(probe.RunnerOptions{Target: target, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if open.Load() > 0 {
			return nil, os.NewSyscallError("socket", syscall.EMFILE)
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			open.Add(1)
			conn = &countedConn{Conn: conn, open: &open}
		}
		return conn, err
	}})
	t.Cleanup(runner.Close)
	for _, kind := range []probe.Connection{probe.Reuse, probe.Fresh} {
		p := probe.Probe{Name: string(kind), Path: "/", Connection: kind}
		probe.DefaultDefaults().Apply(&p)
		job, err := runner.Prepare(&p)
		if err != nil {
			t.Fatal(err)
		}
		if r := job.Run(t.Context(), time.Now()); !r.Expected {
			t.Errorf("%s: want the kept connection ended and the run good, got %s", kind, r.Reason)
		}
	}
}

// countedConn is counted in open until it is closed.
type countedConn struct {
	net.Conn

	open   *atomic.Int64
	closed sync.Once
}

// Close closes the connection.
func (c *countedConn) Close() error {
	c.closed.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}
