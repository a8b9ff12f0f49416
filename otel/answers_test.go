package otel_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"squarewatch/config/secret"
	"squarewatch/otel"
	"squarewatch/otel/collector"

	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// picky is a collector of metrics that answers as it likes.
type picky struct {
	answer func(w http.ResponseWriter, exponential bool) // after what it takes was noted

	mu    sync.Mutex
	names map[string]bool // of all requests
}

func (p *picky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	request := &metricspb.ExportMetricsServiceRequest{}
	if err != nil || r.URL.Path != "/v1/metrics" || proto.Unmarshal(body, request) != nil {
		return // spans are taken
	}
	exponential := false
	p.mu.Lock()
	for _, m := range request.GetResourceMetrics()[0].GetScopeMetrics() {
		for _, metric := range m.GetMetrics() {
			p.names[metric.GetName()] = true
			exponential = exponential || metric.GetExponentialHistogram() != nil
		}
	}
	p.mu.Unlock()
	p.answer(w, exponential)
}

// exportTo records one of everything, exports it to p, and returns what was logged.
func exportTo(t *testing.T, p *picky) string {
	t.Helper()
	p.names = map[string]bool{}
	server := httptest.NewServer(p)
	defer server.Close()
	logs := &logBuffer{}
	settings := otel.DefaultSettings()
	settings.OTLP = collector.OTLP{Endpoint: server.URL, Protocol: collector.ProtocolHTTP}
	all, err := otel.New(t.Context(), otel.Options{Settings: settings, Logger: logs.logger()})
	if err != nil {
		t.Fatal(err)
	}
	feed(all.Recorder())
	_ = all.Flush(t.Context()) // the log says it
	if err := all.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	return logs.String()
}

func (p *picky) wants(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if !p.names[name] {
			t.Errorf("want %s sent, got %v", name, p.names)
		}
	}
}

// TestARemarkIsNoFailure takes everything and says something: the specification's way to warn.
func TestARemarkIsNoFailure(t *testing.T) {
	p := &picky{answer: func(w http.ResponseWriter, _ bool) {
		w.Header().Set("Content-Type", "application/x-protobuf")
		body, err := proto.Marshal(&metricspb.ExportMetricsServiceResponse{
			PartialSuccess: &metricspb.ExportMetricsPartialSuccess{ErrorMessage: "use the new endpoint"},
		})
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(body)
	}}
	logged := exportTo(t, p)
	p.wants(t, "squarewatch.probe.runs", "squarewatch.alert.firing", "squarewatch.probe.phase.duration", "go.goroutine.count")
	if logged != "" {
		t.Errorf("want nothing logged, got:\n%s", logged)
	}
}

// TestWhatIsRefusedCostsNothingElse knows no exponential histograms.
func TestWhatIsRefusedCostsNothingElse(t *testing.T) {
	p := &picky{answer: func(w http.ResponseWriter, exponential bool) {
		if exponential {
			w.WriteHeader(http.StatusBadRequest)
		}
	}}
	logged := exportTo(t, p)
	p.wants(t, "squarewatch.probe.runs", "squarewatch.probe.up", "squarewatch.alert.firing", "squarewatch.notify.sent", "go.goroutine.count")
	if !strings.Contains(logged, "400") {
		t.Errorf("want the refusal logged, got:\n%s", logged)
	}
}

// TestARedirectTakesNothing leads to a page that says 200 to a GET, and on another host.
func TestARedirectTakesNothing(t *testing.T) {
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		var elsewhere sync.Map
		other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { elsewhere.Store(r.Header.Get("X-Token"), true) }))
		defer other.Close()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) }))
		defer server.Close()
		settings := otel.DefaultSettings()
		settings.OTLP = collector.OTLP{Endpoint: server.URL, Protocol: collector.ProtocolHTTP, Headers: map[string]secret.Text{"X-Token": secret.New(collectorToken)}}
		logs := &logBuffer{}
		all, err := otel.New(t.Context(), otel.Options{Settings: settings, SpoolDir: t.TempDir(), Logger: logs.logger()})
		if err != nil {
			t.Fatal(err)
		}
		feed(all.Recorder())
		leave(t, all)
		if text := logs.String(); !strings.Contains(text, "left on disk") {
			t.Errorf("%d: want the spans left on disk, got:\n%s", status, text)
		}
		elsewhere.Range(func(token, _ any) bool {
			t.Errorf("%d: want nothing sent elsewhere, got a request with %q", status, token)
			return true
		})
	}
}

// TestLostSpansAreCountedWithoutASpool lets a collector refuse all, or a part, of eight spans.
func TestLostSpansAreCountedWithoutASpool(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		lost   string
	}{
		"all taken":   {func(http.ResponseWriter) {}, "0"},
		"all refused": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest) }, "8"},
		"some refused": {func(w http.ResponseWriter) {
			body, err := proto.Marshal(&tracepb.ExportTraceServiceResponse{
				PartialSuccess: &tracepb.ExportTracePartialSuccess{RejectedSpans: 3, ErrorMessage: "too (9 spans rejected)\nold"},
			})
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", "application/x-protobuf")
			_, _ = w.Write(body)
		}, "3"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v1/traces" {
					c.answer(w)
				}
			}))
			defer server.Close()
			settings := otel.DefaultSettings()
			settings.Spool = 0
			settings.OTLP = collector.OTLP{Endpoint: server.URL, Protocol: collector.ProtocolHTTP}
			all, err := otel.New(t.Context(), otel.Options{Settings: settings, SpoolDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			all.Recorder().Finished(run("collections", 1))
			_ = all.Flush(t.Context()) // fails where spans are refused
			if page, want := scrape(t, all.Metrics(), "text/plain"), "squarewatch_spool_dropped_total "+c.lost+"\n"; !strings.Contains(page, want) {
				t.Errorf("want %q on the page", want)
			}
			leave(t, all)
		})
	}
}

// tally counts requests by where they went.
type tally struct {
	mu     sync.Mutex
	seen   map[string]int
	enough func() // called two seconds after all three signals were seen
}

func (c *tally) add(where string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[where]++
	if len(c.seen) == 3 {
		time.AfterFunc(2*time.Second, c.enough)
	}
}

// sendAll records one of every signal and tries for two seconds to send them to the collector that start starts. It returns the
// requests that came there, and what was logged.
func sendAll(t *testing.T, protocol string, start func(t *testing.T, c *tally) string) (seen map[string]int, logged string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := &tally{seen: map[string]int{}, enough: cancel}
	settings, logs := otel.DefaultSettings(), &logBuffer{}
	settings.OTLP = collector.OTLP{Endpoint: start(t, c), Protocol: protocol, Logs: true}
	all, err := otel.New(t.Context(), otel.Options{Settings: settings, SpoolDir: t.TempDir(), Logger: logs.logger()})
	if err != nil {
		t.Fatal(err)
	}
	feed(all.Recorder())
	all.Logger(logs.logger()).InfoContext(t.Context(), "hello")
	_ = all.Flush(ctx) // the log says it
	leave(t, all)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen, logs.String()
}

// TestAPageTakesNothing answers 200 to everything, as a wrong server or a proxy does.
func TestAPageTakesNothing(t *testing.T) {
	_, logged := sendAll(t, collector.ProtocolHTTP, func(t *testing.T, c *tally) string {
		t.Helper()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "<!doctype html><title>Sign in</title>")
			c.add(r.URL.Path)
		}))
		t.Cleanup(server.Close)
		return server.URL
	})
	if got := strings.Count(logged, "is no answer of a collector"); got < 3 || !strings.Contains(logged, "left on disk") {
		t.Errorf("want it said of each signal and the spans left on disk, got:\n%s", logged)
	}
}

// TestACollectorGetsThePauseItAsksFor asks for a minute, of which two seconds are watched.
func TestACollectorGetsThePauseItAsksFor(t *testing.T) {
	for protocol, start := range map[string]func(t *testing.T, c *tally) string{
		collector.ProtocolHTTP: func(t *testing.T, c *tally) string {
			t.Helper()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c.add(r.URL.Path)
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(http.StatusServiceUnavailable)
			}))
			t.Cleanup(server.Close)
			return server.URL
		},
		collector.ProtocolGRPC: func(t *testing.T, c *tally) string {
			t.Helper()
			busy, err := status.New(codes.Unavailable, "busy").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Minute)})
			if err != nil {
				t.Fatal(err)
			}
			listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
				method, _ := grpc.MethodFromServerStream(stream)
				c.add(method)
				return busy.Err()
			}))
			go func() { _ = server.Serve(listener) }() // ends with Stop
			t.Cleanup(server.Stop)
			return "http://" + listener.Addr().String()
		},
	} {
		t.Run(protocol, func(t *testing.T) {
			seen, logged := sendAll(t, protocol, start)
			if len(seen) != 3 {
				t.Errorf("want a request of each signal, got %v", seen)
			}
			for where, n := range seen {
				if n != 1 {
					t.Errorf("want 1 request to %s, got %d", where, n)
				}
			}
			if !strings.Contains(logged, "left on disk") {
				t.Errorf("want the spans left on disk, got:\n%s", logged)
			}
		})
	}
}
