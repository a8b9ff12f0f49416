package probe_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/blame"
)

// network is a network in which the target is down. The other address is up, down or hangs.
type network struct {
	up    atomic.Bool
	dials atomic.Int64
	hangs bool // the other address never answers
}

func (n *network) dial(context.Context, string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Err: errors.New("unreachable")}
}

func (n *network) other(ctx context.Context, _, _ string) (net.Conn, error) {
	n.dials.Add(1)
	if n.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	select {
	case <-time.After(time.Second): // so that other runs ask meanwhile
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !n.up.Load() {
		return nil, errors.New("unreachable")
	}
	near, far := net.Pipe()
	_ = far.Close()
	return near, nil
}

func TestNetworkIsBlamedWhenTheOtherAddressIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		once := job(t, "http://target.example", probe.Probe{Path: "/"}, probe.RunnerOptions{
			Dial: n.dial, Connectivity: probe.Connectivity{Address: "192.0.2.1:53"}, DialConnectivity: n.other,
		})
		var runs sync.WaitGroup
		for range 50 {
			runs.Go(func() {
				r := once.Run(t.Context(), time.Now())
				if r.Blame != probe.BlameNetwork || r.Class != probe.ConnectError || !strings.Contains(because(r), "192.0.2.1:53") ||
					r.Latency() > time.Second/2 {
					t.Errorf("want our own network blamed, and no check in the latency, got %+v", r)
				}
			})
		}
		runs.Wait()
		if got := n.dials.Load(); got != 1 {
			t.Errorf("want one check for all runs, got %d", got)
		}
		n.up.Store(true)
		<-time.After(10 * time.Second)
		if r := once.Run(t.Context(), time.Now()); r.Blame != probe.BlameNetwork {
			t.Errorf("want our own network blamed, since nothing shows that it worked when the run began, got %+v", r)
		}
		<-time.After(10 * time.Second)
		if r := once.Run(t.Context(), time.Now()); r.Blame != probe.BlameAPI {
			t.Errorf("want the target blamed while the other address is up, got %+v", r)
		}
		before := n.dials.Load()
		expected := job(t, "http://target.example", probe.Probe{Path: "/", Expect: probe.Expect{Status: selectors("transport")}},
			probe.RunnerOptions{
				Dial: n.dial, Connectivity: probe.Connectivity{Address: "192.0.2.1:53"}, DialConnectivity: n.other,
			})
		if r := expected.Run(t.Context(), time.Now()); !r.Expected || n.dials.Load() != before {
			t.Error("want no check after an expected result")
		}
	})
}

// watched returns a job that reaches the target through dial and the other address through n.
func watched(t *testing.T, n *network, dial func(context.Context, string, string) (net.Conn, error)) *probe.Job {
	t.Helper()
	return job(t, "http://target.example", probe.Probe{Path: "/"}, probe.RunnerOptions{
		Dial: dial, Connectivity: probe.Connectivity{Address: "192.0.2.1:53"}, DialConnectivity: n.other,
	})
}

// because returns the evidence of a result's blame.
func because(r *probe.Result) string {
	var all []string
	for _, e := range r.Evidence {
		all = append(all, e.Text)
	}
	return strings.Join(all, "; ")
}

func TestAFailedCheckIsUsedForFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		once := watched(t, n, n.dial)
		if r := once.Run(t.Context(), time.Now()); because(r) != "192.0.2.1:53 could not be reached either" || len(r.Looks) != 1 {
			t.Errorf("want evidence that names the network, got %q", because(r))
		}
		n.up.Store(true)
		<-time.After(5*time.Second - time.Nanosecond)
		if r := once.Run(t.Context(), time.Now()); r.Blame != probe.BlameNetwork || n.dials.Load() != 1 || len(r.Looks) != 0 {
			t.Errorf("want the result used again, got blame %q after %d dials", r.Blame, n.dials.Load())
		}
		<-time.After(2 * time.Nanosecond)
		if r := once.Run(t.Context(), time.Now()); n.dials.Load() != 2 || len(r.Looks) != 1 || !r.Looks[0].Passed {
			t.Errorf("want a new check, got looks %+v after %d dials", r.Looks, n.dials.Load())
		}
		if r := once.Run(t.Context(), time.Now()); r.Blame != probe.BlameAPI {
			t.Errorf("want the target blamed after the new check, got %q (%s)", r.Blame, because(r))
		}
	})
}

func TestAnAddressThatHangsIsDownAfterTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{hangs: true}
		start := time.Now()
		r := watched(t, n, n.dial).Run(t.Context(), start)
		if took := time.Since(start); r.Blame != probe.BlameNetwork || took != 2*time.Second {
			t.Errorf("want our own network blamed after 2s, got %q after %v", r.Blame, took)
		}
		if r.Latency() != 0 {
			t.Errorf("want no check in the latency, got %v", r.Latency())
		}
		for _, a := range r.Attempts {
			for _, phase := range a.Phases {
				if phase.End.Sub(phase.Start) != 0 {
					t.Errorf("want no check in the phases, got %+v", phase)
				}
			}
		}
	})
}

// TestConnectivityIsNotCheckedAfterAnAnswer has a target that answers 500. Any answer proves that our own network works.
func TestConnectivityIsNotCheckedAfterAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		r := watched(t, n, func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				defer func() { _ = far.Close() }()
				if _, err := http.ReadRequest(bufio.NewReader(far)); err == nil {
					_, _ = io.WriteString(far, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
				}
			}()
			return near, nil
		}).Run(t.Context(), time.Now())
		if r.Class != probe.ServerError || r.Blame != probe.BlameAPI || n.dials.Load() != 0 {
			t.Errorf("want a server error without a check, got %v, blame %q, %d dials", r.Class, r.Blame, n.dials.Load())
		}
	})
}

func TestConnectivityIsNotCheckedDuringShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		ctx, stop := context.WithCancel(t.Context())
		once := watched(t, n, func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		time.AfterFunc(time.Second, stop)
		start := time.Now()
		r := once.Run(ctx, start)
		if r.Class != probe.ClassNone || r.Blame != probe.BlameNone || n.dials.Load() != 0 || time.Since(start) != time.Second {
			t.Errorf("want a stopped run to end immediately without blame, got %v, blame %q, %d dials, %v", r.Class, r.Blame, n.dials.Load(),
				time.Since(start))
		}
	})
}

// TestShutdownBetweenLooksKeepsTheFirstAnswer stops between two looks. The first answer counts, and connectivity is not checked.
func TestShutdownBetweenLooksKeepsTheFirstAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		ctx, stop := context.WithCancel(t.Context())
		once := job(t, "http://target.example", probe.Probe{Path: "/", Confirm: &probe.Confirm{Attempts: 2, Delay: time.Minute}},
			probe.RunnerOptions{
				Dial: n.dial, Connectivity: probe.Connectivity{Address: "192.0.2.1:53"}, DialConnectivity: n.other,
			})
		time.AfterFunc(time.Second, stop)
		if r := once.Run(ctx, time.Now()); r.Class != probe.ConnectError || r.Blame == probe.BlameNetwork || n.dials.Load() != 0 {
			t.Errorf("want the first answer without a check, got %v, blame %q, %d dials", r.Class, r.Blame, n.dials.Load())
		}
	})
}

// TestShutdownDuringTheCheckIsNotADeadNetwork stops while the other address is checked, which is up.
func TestShutdownDuringTheCheckIsNotADeadNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		n.up.Store(true)
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second/2, stop)
		if r := watched(t, n, n.dial).Run(ctx, time.Now()); r.Blame == probe.BlameNetwork || n.dials.Load() != 1 {
			t.Errorf("want the network not blamed for the shutdown, got blame %q after %d dials", r.Blame, n.dials.Load())
		}
	})
}

// TestBreachIsNotBlamedOnTheNetwork has a breach whose answer is incomplete while the other address is down.
func TestBreachIsNotBlamedOnTheNetwork(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/guarded/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Length", "9")
		_, _ = io.WriteString(w, "four")
	}))
	defer api.Close()
	target := api.URL
	n := &network{}
	p := probe.Probe{Path: "/guarded/", Guards: probe.GuardAccess, Expect: probe.Expect{Status: selectors("401")}}
	guard := job(t, target, p, probe.RunnerOptions{
		Connectivity:     probe.Connectivity{Address: "192.0.2.1:53"},
		DialConnectivity: n.other,
	})
	guard.Run(t.Context(), time.Now())
	r := guard.Run(t.Context(), time.Now()) // one such answer alone shows nothing
	if !r.Breach || r.Blame != probe.BlameLeak {
		t.Errorf("want a breach that is blamed on a leak, got breach=%v blame %q: %s", r.Breach, r.Blame, r.Reason)
	}
}

// TestACheckThatPassedEarlierIsMadeAgain has an address that was up three seconds ago, and a link of ours that is down now.
func TestACheckThatPassedEarlierIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		n.up.Store(true)
		once := watched(t, n, n.dial)
		if r := once.Run(t.Context(), time.Now()); r.Blame == probe.BlameNetwork {
			t.Errorf("want the target blamed, got %q (%s)", r.Blame, because(r))
		}
		<-time.After(3 * time.Second)
		n.up.Store(false)
		if r := once.Run(t.Context(), time.Now()); r.Blame != probe.BlameNetwork || n.dials.Load() != 2 {
			t.Errorf("want a new check and our network blamed, got %q (%s) after %d checks", r.Blame, because(r), n.dials.Load())
		}
	})
}

// TestARunThatWasUnderWayWhileTheLinkWasDown has a run that times out after the link is back.
func TestARunThatWasUnderWayWhileTheLinkWasDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		judge := blame.NewJudge()
		watch := func(name string, dial func(context.Context, string, string) (net.Conn, error)) *probe.Job {
			return job(t, "http://target.example", probe.Probe{Name: name, Path: "/"}, probe.RunnerOptions{
				Dial: dial, Connectivity: probe.Connectivity{Address: "192.0.2.1:53"}, DialConnectivity: n.other, Judge: judge,
			})
		}
		waiting := watch("waiting", func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		var r *probe.Result
		var running sync.WaitGroup
		running.Go(func() { r = waiting.Run(t.Context(), time.Now()) })
		<-time.After(2 * time.Second)
		watch("failing", n.dial).Run(t.Context(), time.Now())
		n.up.Store(true)
		running.Wait()
		if r.Class != probe.Timeout || r.Blame != probe.BlameNetwork || !strings.Contains(because(r), "192.0.2.1:53 could not be reached") {
			t.Errorf("want our network blamed, got %v, %q (%s)", r.Class, r.Blame, because(r))
		}
		<-time.After(6 * time.Second)
		if r := waiting.Run(t.Context(), time.Now()); r.Blame != probe.BlameAPI {
			t.Errorf("want a later run to blame the API, got %q (%s)", r.Blame, because(r))
		}
	})
}

// TestTheEvidenceSaysThatOurNetworkIsFine has a dead target, and an address that answers.
func TestTheEvidenceSaysThatOurNetworkIsFine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		n.up.Store(true)
		r := watched(t, n, n.dial).Run(t.Context(), time.Now())
		if r.Blame != probe.BlameAPI || len(r.Evidence) == 0 || r.Evidence[0].Text != "our network is fine: 192.0.2.1:53 answered" ||
			!r.Evidence[0].At.Equal(r.Looks[0].End) {
			t.Errorf("want evidence that our network is fine, got %q: %+v", r.Blame, r.Evidence)
		}
	})
}

// TestAnEndlessOutageAsksTheAddressOnceASecond has a hundred probes of a dead target.
func TestAnEndlessOutageAsksTheAddressOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{}
		n.up.Store(true)
		once := watched(t, n, n.dial)
		for range 100 {
			once.Run(t.Context(), time.Now())
			<-time.After(100 * time.Millisecond)
		}
		if checks := n.dials.Load(); checks > 10 {
			t.Errorf("want at most a check a second, got %d", checks)
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
