package probe_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"strings"
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

// TestOurOwnShortageIsNotTheirOutage has each error of a shortage, and two that look like one.
func TestOurOwnShortageIsNotTheirOutage(t *testing.T) {
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
