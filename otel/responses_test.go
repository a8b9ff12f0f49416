package otel_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
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

// metricCollector receives metrics over HTTP. A test decides how it responds.
type metricCollector struct {
	respond func(w http.ResponseWriter, exponential bool)

	mu    sync.Mutex
	names map[string]bool // of all requests
}

func (p *metricCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	request := &metricspb.ExportMetricsServiceRequest{}
	if err != nil || r.URL.Path != "/v1/metrics" || proto.Unmarshal(body, request) != nil {
		return // spans are accepted
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
	p.respond(w, exponential)
}

// exportTo records one of everything, exports it to p, and returns the log.
func exportTo(t *testing.T, p *metricCollector) string {
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
	recordAll(all.Recorder())
	_ = all.Flush(t.Context()) // failures are in the log
	if err := all.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	return logs.String()
}

func (p *metricCollector) wantMetrics(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if !p.names[name] {
			t.Errorf("want %s sent, got %v", name, p.names)
		}
	}
}

// TestWarningIsNotAFailure accepts everything and sends a message, which the specification uses as a warning.
func TestWarningIsNotAFailure(t *testing.T) {
	p := &metricCollector{respond: func(w http.ResponseWriter, _ bool) {
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
	p.wantMetrics(t, "squarewatch.probe.runs", "squarewatch.alert.firing", "squarewatch.probe.phase.duration", "go.goroutine.count")
	if logged != "" {
		t.Errorf("want nothing logged, got:\n%s", logged)
	}
}

// TestAPartialSuccessIsLoggedAsOne has a collector that rejects some data points, refuses whole requests, rejects some again, and then
// accepts all.
func TestAPartialSuccessIsLoggedAsOne(t *testing.T) {
	var respond atomic.Pointer[func(w http.ResponseWriter)]
	say := func(f func(w http.ResponseWriter)) { respond.Store(&f) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { (*respond.Load())(w) }))
	defer server.Close()
	logs, settings := &logBuffer{}, otel.DefaultSettings()
	settings.OTLP = collector.OTLP{Endpoint: server.URL, Protocol: collector.ProtocolHTTP}
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	all, err := otel.New(t.Context(), otel.Options{Settings: settings, Logger: logs.logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer shutDown(t, all)
	recordAll(all.Recorder())
	for _, step := range []struct {
		respond func(w http.ResponseWriter)
		fails   bool
		logged  string
	}{
		{func(w http.ResponseWriter) { rejectPoints(t, w) }, true, "the collector rejects some telemetry"},
		{func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }, true, "telemetry does not reach the collector"},
		{func(w http.ResponseWriter) { rejectPoints(t, w) }, true, "the collector rejects some telemetry"},
		{func(http.ResponseWriter) {}, false, "telemetry reaches the collector again"},
	} {
		say(step.respond)
		before := len(logs.String())
		for range 2 { // the second time is not logged
			if err := all.Flush(t.Context()); (err != nil) != step.fails {
				t.Errorf("%s: want an error: %t, got %v", step.logged, step.fails, err)
			}
		}
		if text := logs.String()[before:]; strings.Count(text, "\n") != 1 || !strings.Contains(text, step.logged) {
			t.Errorf("want one line with %q, got:\n%s", step.logged, text)
		}
	}
}

// rejectPoints answers that three data points were rejected.
func rejectPoints(t *testing.T, w http.ResponseWriter) {
	t.Helper()
	body, err := proto.Marshal(&metricspb.ExportMetricsServiceResponse{
		PartialSuccess: &metricspb.ExportMetricsPartialSuccess{RejectedDataPoints: 3, ErrorMessage: "too old"},
	})
	if err != nil {
		t.Error(err)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(body)
}

// TestRejectedRequestDoesNotAffectOthers rejects exponential histograms.
func TestRejectedRequestDoesNotAffectOthers(t *testing.T) {
	p := &metricCollector{respond: func(w http.ResponseWriter, exponential bool) {
		if exponential {
			w.WriteHeader(http.StatusBadRequest)
		}
	}}
	logged := exportTo(t, p)
	p.wantMetrics(t, "squarewatch.probe.runs", "squarewatch.probe.up", "squarewatch.alert.firing", "squarewatch.notify.sent",
		"go.goroutine.count")
	if !strings.Contains(logged, "400") {
		t.Errorf("want the rejection logged, got:\n%s", logged)
	}
}

// TestRedirectIsNotFollowed redirects to a page on another host that responds 200 to a GET.
func TestRedirectIsNotFollowed(t *testing.T) {
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		var otherHost sync.Map
		other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			otherHost.Store(r.Header.Get("X-Token"), true)
		}))
		defer other.Close()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) }))
		defer server.Close()
		settings := otel.DefaultSettings()
		settings.OTLP = collector.OTLP{
			Endpoint: server.URL, Protocol: collector.ProtocolHTTP, Headers: map[string]secret.Text{"X-Token": secret.New(collectorToken)},
		}
		logs := &logBuffer{}
		all, err := otel.New(t.Context(), otel.Options{Settings: settings, SpoolDir: t.TempDir(), Logger: logs.logger()})
		if err != nil {
			t.Fatal(err)
		}
		recordAll(all.Recorder())
		shutDown(t, all)
		if text := logs.String(); !strings.Contains(text, "left on disk") {
			t.Errorf("%d: want the spans left on disk, got:\n%s", status, text)
		}
		otherHost.Range(func(token, _ any) bool {
			t.Errorf("%d: want no request to the other host, got one with %q", status, token)
			return true
		})
	}
}

// TestLostSpansAreCountedWithoutASpool lets a collector reject all or some of eight spans.
func TestLostSpansAreCountedWithoutASpool(t *testing.T) {
	for name, c := range map[string]struct {
		respond func(w http.ResponseWriter)
		lost    string
	}{
		"all accepted": {func(http.ResponseWriter) {}, "0"},
		"all rejected": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest) }, "8"},
		"some rejected": {func(w http.ResponseWriter) {
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
					c.respond(w)
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
			_ = all.Flush(t.Context()) // fails if spans are rejected
			if page, want := scrape(t, all.Metrics(), "text/plain"), "squarewatch_spool_dropped_total "+c.lost+"\n"; !strings.Contains(page, want) {
				t.Errorf("want %q on the page", want)
			}
			shutDown(t, all)
		})
	}
}

// requestCounter counts requests by path or gRPC method.
type requestCounter struct {
	mu     sync.Mutex
	seen   map[string]int
	enough func() // called two seconds after the first requests of all three signals
}

func (c *requestCounter) add(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[path]++
	if len(c.seen) == 3 {
		time.AfterFunc(2*time.Second, c.enough)
	}
}

// sendAll records one of every signal and tries for two seconds to send them to the collector that start starts. It returns the requests
// that the collector received, and the log.
func sendAll(t *testing.T, protocol string, start func(t *testing.T, c *requestCounter) string) (seen map[string]int, logged string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := &requestCounter{seen: map[string]int{}, enough: cancel}
	settings, logs := otel.DefaultSettings(), &logBuffer{}
	settings.OTLP = collector.OTLP{Endpoint: start(t, c), Protocol: protocol, Logs: true}
	all, err := otel.New(t.Context(), otel.Options{Settings: settings, SpoolDir: t.TempDir(), Logger: logs.logger()})
	if err != nil {
		t.Fatal(err)
	}
	recordAll(all.Recorder())
	all.Logger(logs.logger()).InfoContext(t.Context(), "hello")
	_ = all.Flush(ctx) // failures are in the log
	shutDown(t, all)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen, logs.String()
}

// TestPageIsNotACollectorsResponse responds with a page and status 200 to everything, as a wrong server or a proxy does.
func TestPageIsNotACollectorsResponse(t *testing.T) {
	_, logged := sendAll(t, collector.ProtocolHTTP, func(t *testing.T, c *requestCounter) string {
		t.Helper()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "<!doctype html><title>Sign in</title>")
			c.add(r.URL.Path)
		}))
		t.Cleanup(server.Close)
		return server.URL
	})
	if got := strings.Count(logged, "is not a collector's response"); got < 3 || !strings.Contains(logged, "left on disk") {
		t.Errorf("want a line for each signal and the spans left on disk, got:\n%s", logged)
	}
}

// TestCollectorGetsThePauseItAsksFor asks for a pause of a minute and checks the first two seconds.
func TestCollectorGetsThePauseItAsksFor(t *testing.T) {
	for protocol, start := range map[string]func(t *testing.T, c *requestCounter) string{
		collector.ProtocolHTTP: func(t *testing.T, c *requestCounter) string {
			t.Helper()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c.add(r.URL.Path)
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(http.StatusServiceUnavailable)
			}))
			t.Cleanup(server.Close)
			return server.URL
		},
		collector.ProtocolGRPC: func(t *testing.T, c *requestCounter) string {
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
			go func() { _ = server.Serve(listener) }() // returns after Stop
			t.Cleanup(server.Stop)
			return "http://" + listener.Addr().String()
		},
	} {
		t.Run(protocol, func(t *testing.T) {
			seen, logged := sendAll(t, protocol, start)
			if len(seen) != 3 {
				t.Errorf("want a request for each signal, got %v", seen)
			}
			for path, n := range seen {
				if n != 1 {
					t.Errorf("want 1 request to %s, got %d", path, n)
				}
			}
			if !strings.Contains(logged, "left on disk") {
				t.Errorf("want the spans left on disk, got:\n%s", logged)
			}
		})
	}
}
