package probe_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
)

// network is one in which the target is down, and the other address up or not.
type network struct {
	up    atomic.Bool
	dials atomic.Int64
}

func (n *network) dial(context.Context, string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Err: errors.New("unreachable")}
}

func (n *network) other(ctx context.Context, _, _ string) (net.Conn, error) {
	n.dials.Add(1)
	select {
	case <-time.After(time.Second): // so that others come meanwhile
	case <-ctx.Done():
	}
	if !n.up.Load() {
		return nil, errors.New("unreachable")
	}
	near, far := net.Pipe()
	_ = far.Close()
	return near, nil
}

func TestOurOwnNetworkIsToBlame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		once := job(t, "http://target.example", probe.Probe{Path: "/"}, probe.RunnerOptions{
			Dial: n.dial, Connectivity: probe.Connectivity{Address: "192.0.2.1:53"}, DialConnectivity: n.other,
		})
		var runs sync.WaitGroup
		for range 50 {
			runs.Go(func() {
				r := once.Run(t.Context(), time.Now())
				if r.Blame != probe.BlameNetwork || r.Class != probe.ConnectError || !strings.Contains(r.Reason, "192.0.2.1:53") || r.Latency() > time.Second/2 {
					t.Errorf("want our own network blamed, apart from the latency, got %+v", r)
				}
			})
		}
		runs.Wait()
		if got := n.dials.Load(); got != 1 {
			t.Errorf("want one look for all, got %d", got)
		}
		n.up.Store(true)
		<-time.After(10 * time.Second)
		if r := once.Run(t.Context(), time.Now()); r.Blame != probe.BlameNone {
			t.Errorf("want the target blamed while the other address answers, got %+v", r)
		}
		before := n.dials.Load()
		expected := job(t, "http://target.example", probe.Probe{Path: "/", Expect: probe.Expect{Status: selectors("transport")}}, probe.RunnerOptions{
			Dial: n.dial, Connectivity: probe.Connectivity{Address: "192.0.2.1:53"}, DialConnectivity: n.other,
		})
		if r := expected.Run(t.Context(), time.Now()); !r.Expected || n.dials.Load() != before {
			t.Error("want nobody asked about what was expected")
		}
	})
}

func TestConnectivityIsAnAddress(t *testing.T) {
	for _, bad := range []string{"1.1.1.1", ":53", "host:0", "host:99999"} {
		if (probe.Connectivity{Address: bad}).Validate() == nil {
			t.Errorf("want %q refused", bad)
		}
	}
}
