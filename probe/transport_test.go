package probe_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/aisquaretest"
)

// cable is a connection that can be cut. Data that is sent afterwards is lost without an error.
type cable struct {
	net.Conn
	cut *atomic.Bool
}

// Write sends data. After a cut it only pretends to.
func (c cable) Write(p []byte) (int, error) {
	if c.cut.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// cables dials connections that can be cut one by one. The newest is last.
type cables struct {
	mu  sync.Mutex
	all []cable
}

func (c *cables) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, cable{conn, &atomic.Bool{}})
	return c.all[len(c.all)-1], nil
}

// TestDeadConnectionFailsOneRun lets a kept connection lose requests, or lets its server hang. Only the run on that connection fails; the
// next one uses a new connection.
func TestDeadConnectionFailsOneRun(t *testing.T) {
	for _, http1 := range []bool{true, false} {
		for _, fault := range []string{"dead", "hung"} {
			t.Run(fmt.Sprintf("HTTP/1 %v, %s", http1, fault), func(t *testing.T) {
				t.Parallel()
				var hung atomic.Value // client address of the connection that hangs
				server, pool := aisquaretest.StartTLS(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					if r.RemoteAddr == hung.Load() {
						<-r.Context().Done()
					}
				}), aisquaretest.TLSOptions{HTTP1: http1})
				defer server.Close()
				wires := &cables{}
				j := job(t, server.URL, probe.Probe{Path: "/", Connection: probe.Reuse, Timeout: time.Second},
					probe.RunnerOptions{Dial: wires.dial, TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}})
				if r := j.Run(t.Context(), time.Now()); !r.Expected {
					t.Fatal(r.Reason)
				}
				if fault == "dead" {
					wires.all[0].cut.Store(true)
				} else {
					hung.Store(wires.all[0].LocalAddr().String())
				}
				if r := j.Run(t.Context(), time.Now()); r.Class != probe.Timeout || !r.Attempts[0].Reused {
					t.Fatalf("want the run on the bad connection to time out, got %v (%s)", r.Class, r.Reason)
				}
				for range 2 {
					if r := j.Run(t.Context(), time.Now()); !r.Expected {
						t.Errorf("want a new connection to be used, got %s", r.Reason)
					}
				}
				if len(wires.all) != 2 {
					t.Errorf("want two connections made, got %d", len(wires.all))
				}
			})
		}
	}
}

// TestFailureDoesNotBreakOthersOnTheConnection checks that other exchanges on the connection of a failed one can finish.
func TestFailureDoesNotBreakOthersOnTheConnection(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	server, pool := aisquaretest.StartTLS(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			close(begun)
			<-end
		case "/hung":
			<-r.Context().Done()
		}
	}), aisquaretest.TLSOptions{})
	defer server.Close()
	wires := &cables{}
	runner := probe.NewRunner(probe.RunnerOptions{
		Target: mustURL(t, server.URL), Dial: wires.dial, TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	})
	defer runner.Close()
	run := func(path string, timeout time.Duration) *probe.Result {
		p := probe.Probe{Name: "test", Path: path, Connection: probe.Reuse, Timeout: timeout}
		probe.DefaultDefaults().Apply(&p)
		j, err := runner.Prepare(&p)
		if err != nil {
			t.Error(err)
		}
		return j.Run(t.Context(), time.Now())
	}
	run("/", time.Minute)
	var slow *probe.Result
	var going sync.WaitGroup
	going.Go(func() { slow = run("/slow", time.Minute) })
	<-begun
	if r := run("/hung", 100*time.Millisecond); r.Class != probe.Timeout {
		t.Errorf("want a timeout, got %v", r.Class)
	}
	if r := run("/", time.Minute); r.Attempts[0].Reused {
		t.Error("want a new connection after the timeout")
	}
	close(end)
	going.Wait()
	if !slow.Expected || !slow.Attempts[0].Reused || len(wires.all) != 2 {
		t.Errorf("want the slow run to succeed on the shared connection, got %s (%d connections)", slow.Reason, len(wires.all))
	}
}

// TestRequestThatIsSentAgainIsRecorded breaks a kept connection after the request was sent. The run succeeds, and the broken attempt is
// recorded with its duration.
func TestRequestThatIsSentAgainIsRecorded(t *testing.T) {
	const work = 60 * time.Millisecond
	for name, end := range map[string]func(*net.TCPConn){
		"closed like an idle connection": func(*net.TCPConn) {},
		"reset after work":               func(conn *net.TCPConn) { <-time.After(work); _ = conn.SetLinger(0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := make(chan string, 3) // the traceparent of each request
			target := "http://" + raw(t, func(conn net.Conn) {
				reader := bufio.NewReader(conn)
				for first := true; ; first = false {
					r, err := http.ReadRequest(reader)
					if err != nil {
						return
					}
					sent <- r.Header.Get("Traceparent")
					if !first {
						tcp, _ := conn.(*net.TCPConn)
						end(tcp)
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
				}
			})
			j := job(t, target, probe.Probe{Path: "/", Connection: probe.Reuse}, probe.RunnerOptions{})
			j.Run(t.Context(), time.Now())
			r := j.Run(t.Context(), time.Now())
			if !r.Expected || len(r.Attempts) != 2 {
				t.Fatalf("want a healthy run with two attempts, got %d (%s)", len(r.Attempts), r.Reason)
			}
			checkAttempts(t, r)
			broken, again := r.Attempts[0], r.Attempts[1]
			if broken.Class != probe.ProtocolError || broken.Error == "" || !broken.Reused || kindsOf(broken) != "send wait" {
				t.Errorf("want the first attempt broken in the wait phase on a kept connection, got %+v", broken)
			}
			if again.Class != probe.Success || again.Cause != probe.CauseRetry || again.Reused || kindsOf(again) != "connect send wait receive" {
				t.Errorf("want the second attempt on a new connection, got %+v", again)
			}
			if strings.HasPrefix(name, "reset") {
				atLeast(t, broken, probe.PhaseWait, work/2)
			}
			if took := again.End.Sub(broken.Start); r.Latency() != took {
				t.Errorf("want a latency with both attempts, %v, got %v", took, r.Latency())
			}
			<-sent
			for _, a := range r.Attempts {
				if got := <-sent; !strings.Contains(got, a.Span.String()) {
					t.Errorf("want the span of the attempt in the request, %v, got %s", a.Span, got)
				}
			}
		})
	}
}
