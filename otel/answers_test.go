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
	"testing/synctest"
	"time"

	"squarewatch/config/secret"
	"squarewatch/otel"

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
	settings.OTLP = otel.OTLP{Endpoint: server.URL, Protocol: otel.ProtocolHTTP}
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
		settings.OTLP = otel.OTLP{Endpoint: server.URL, Protocol: otel.ProtocolHTTP, Headers: map[string]secret.Text{"X-Token": secret.New(collectorToken)}}
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
			settings.OTLP = otel.OTLP{Endpoint: server.URL, Protocol: otel.ProtocolHTTP}
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
	settings.OTLP = otel.OTLP{Endpoint: start(t, c), Protocol: protocol, Logs: true}
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

// answering is a transport that is answered without a network.
type answering func() *http.Response

func (a answering) RoundTrip(*http.Request) (*http.Response, error) { return a(), nil }

func request(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://collector", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAPageTakesNothing answers 200 to everything, as a wrong server or a proxy does.
func TestAPageTakesNothing(t *testing.T) {
	_, logged := sendAll(t, otel.ProtocolHTTP, func(t *testing.T, c *tally) string {
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

func TestAnswersThatTakeSomething(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		kind, body string
		want       bool
	}{
		"page":            {200, "text/html; charset=utf-8", "<title>Sign in</title>", false},
		"page of no type": {200, "", "<title>Sign in</title>", false},
		"text":            {202, "text/plain", "ok", false},
		"broken type":     {200, "text/", "ok", false},
		"protobuf":        {200, "application/x-protobuf", "\n\x00", true},
		"JSON":            {200, "application/json; charset=utf-8", "{}", true},
		"nothing":         {200, "", "", true},
		"empty page":      {200, "text/html", "", true},
		"no content":      {204, "", "", true},
	} {
		transport := otel.NewTransport(answering(func() *http.Response {
			return &http.Response{StatusCode: c.status, Status: "200 OK", Header: http.Header{"Content-Type": {c.kind}}, Body: io.NopCloser(strings.NewReader(c.body))}
		}))
		answer, err := transport.RoundTrip(request(t))
		if (err == nil) != c.want {
			t.Errorf("%s: want it taken for a collector's: %v, got %v", name, c.want, err)
			continue
		}
		if err != nil {
			continue
		}
		if body, err := io.ReadAll(answer.Body); err != nil || string(body) != c.body {
			t.Errorf("%s: want all of the body left to read, got %q and %v", name, body, err)
		}
		_ = answer.Body.Close()
	}
}

// TestACollectorGetsThePauseItAsksFor asks for a minute, of which two seconds are watched.
func TestACollectorGetsThePauseItAsksFor(t *testing.T) {
	for protocol, start := range map[string]func(t *testing.T, c *tally) string{
		otel.ProtocolHTTP: func(t *testing.T, c *tally) string {
			t.Helper()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c.add(r.URL.Path)
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(http.StatusServiceUnavailable)
			}))
			t.Cleanup(server.Close)
			return server.URL
		},
		otel.ProtocolGRPC: func(t *testing.T, c *tally) string {
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

// TestPausesEnd tries every second until the second request leaves.
func TestPausesEnd(t *testing.T) {
	for name, c := range map[string]struct {
		status     int
		retryAfter string
		want       time.Duration
	}{
		"seconds":            {503, "60", time.Minute},
		"too many":           {429, "7", 7 * time.Second},
		"date":               {503, "Sat, 01 Jan 2000 00:01:30 GMT", 90 * time.Second}, // of the bubble, which begins with that day
		"a day":              {503, "86400", 5 * time.Minute},
		"a year, by mistake": {503, "Mon, 01 Jan 2001 00:00:00 GMT", 5 * time.Minute},
		"in the past":        {503, "Fri, 31 Dec 1999 00:00:00 GMT", time.Second},
		"below zero":         {503, "-5", time.Second},
		"no number":          {503, "soon", time.Second},
		"not asked for":      {503, "", time.Second},
		"another failure":    {500, "60", time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			sent, begin := 0, time.Now()
			transport := otel.NewTransport(answering(func() *http.Response {
				sent++
				return &http.Response{StatusCode: c.status, Header: http.Header{"Retry-After": {c.retryAfter}}, Body: http.NoBody}
			}))
			for {
				answer, err := transport.RoundTrip(request(t))
				if err == nil {
					_ = answer.Body.Close()
				} else if !strings.Contains(err.Error(), "nothing until") {
					t.Errorf("%s: want an error that says until when, got %v", name, err)
				}
				if sent == 2 {
					break
				}
				<-time.After(time.Second)
			}
			if got := time.Since(begin); got != c.want {
				t.Errorf("%s: want the next request after %v, got %v", name, c.want, got)
			}
		})
	}
}
