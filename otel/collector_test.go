package otel_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"squarewatch/otel"
	"squarewatch/otel/collector"

	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	logpb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricdata "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// logBuffer collects log lines.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

func (b *logBuffer) throttled() *slog.Logger { return slog.New(otel.NewThrottle(b.logger().Handler())) }

// testCollector receives OTLP over gRPC and HTTP and records the names.
type testCollector struct {
	mu           sync.Mutex
	spans        map[string]int
	metrics      map[string]bool
	exponentials int
	deltas       []string // metrics that are not cumulative
	logs         []*logpb.LogRecord
	tracesOnly   bool // it accepts no metrics
}

func (c *testCollector) addLogs(request *collectorlogs.ExportLogsServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range request.GetResourceLogs() {
		for _, s := range r.GetScopeLogs() {
			c.logs = append(c.logs, s.GetLogRecords()...)
		}
	}
}

func newCollector() *testCollector {
	return &testCollector{spans: map[string]int{}, metrics: map[string]bool{}}
}

func (c *testCollector) addSpans(request *tracepb.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range request.GetResourceSpans() {
		for _, s := range r.GetScopeSpans() {
			for _, span := range s.GetSpans() {
				c.spans[span.GetName()]++
			}
		}
	}
}

func (c *testCollector) addMetrics(request *metricspb.ExportMetricsServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range request.GetResourceMetrics() {
		for _, s := range r.GetScopeMetrics() {
			for _, m := range s.GetMetrics() {
				c.metrics[m.GetName()] = true
				if m.GetSum().GetAggregationTemporality() == metricdata.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA {
					c.deltas = append(c.deltas, m.GetName())
				}
				for _, p := range m.GetExponentialHistogram().GetDataPoints() {
					if len(p.GetExemplars()) > 0 {
						c.exponentials++
					}
				}
			}
		}
	}
}

func (c *testCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch path := r.URL.Path; {
	case path == "/otlp/v1/traces":
		request := &tracepb.ExportTraceServiceRequest{}
		err = proto.Unmarshal(body, request)
		c.addSpans(request)
	case path == "/otlp/v1/metrics" && !c.tracesOnly:
		request := &metricspb.ExportMetricsServiceRequest{}
		err = proto.Unmarshal(body, request)
		c.addMetrics(request)
	case path == "/otlp/v1/logs":
		request := &collectorlogs.ExportLogsServiceRequest{}
		err = proto.Unmarshal(body, request)
		c.addLogs(request)
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

type traceService struct {
	tracepb.UnimplementedTraceServiceServer
	*testCollector
}

func (s traceService) Export(_ context.Context, r *tracepb.ExportTraceServiceRequest) (*tracepb.ExportTraceServiceResponse, error) {
	s.addSpans(r)
	return &tracepb.ExportTraceServiceResponse{}, nil
}

type logService struct {
	collectorlogs.UnimplementedLogsServiceServer
	*testCollector
}

func (s logService) Export(_ context.Context, r *collectorlogs.ExportLogsServiceRequest) (*collectorlogs.ExportLogsServiceResponse, error) {
	s.addLogs(r)
	return &collectorlogs.ExportLogsServiceResponse{}, nil
}

type metricService struct {
	metricspb.UnimplementedMetricsServiceServer
	*testCollector
}

func (s metricService) Export(
	_ context.Context, r *metricspb.ExportMetricsServiceRequest,
) (*metricspb.ExportMetricsServiceResponse, error) {
	s.addMetrics(r)
	return &metricspb.ExportMetricsServiceResponse{}, nil
}

func (c *testCollector) serveGRPC(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	tracepb.RegisterTraceServiceServer(server, traceService{testCollector: c})
	if !c.tracesOnly {
		metricspb.RegisterMetricsServiceServer(server, metricService{testCollector: c})
	}
	collectorlogs.RegisterLogsServiceServer(server, logService{testCollector: c})
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return "http://" + listener.Addr().String()
}

// transports returns functions that start a collector for each protocol.
func transports() map[string]func(t *testing.T, c *testCollector) collector.OTLP {
	return map[string]func(t *testing.T, c *testCollector) collector.OTLP{
		"grpc": func(t *testing.T, c *testCollector) collector.OTLP {
			t.Helper()
			return collector.OTLP{Endpoint: c.serveGRPC(t), Protocol: collector.ProtocolGRPC}
		},
		"http": func(t *testing.T, c *testCollector) collector.OTLP {
			t.Helper()
			server := httptest.NewServer(c)
			t.Cleanup(server.Close)
			return collector.OTLP{Endpoint: server.URL + "/otlp", Protocol: collector.ProtocolHTTP}
		},
	}
}

func TestCollectorReceivesSpansAndMetrics(t *testing.T) {
	for name, start := range transports() {
		t.Run(name, func(t *testing.T) {
			c, logs := newCollector(), &logBuffer{}
			all, err := otel.New(t.Context(), otel.Options{Settings: otel.Settings{OTLP: start(t, c), KeepHealthy: 1}, Logger: logs.logger()})
			if err != nil {
				t.Fatal(err)
			}
			recordAll(all.Recorder())
			if err := all.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			page := scrape(t, all.Metrics(), "application/openmetrics-text")
			for _, want := range []string{`span_id="0201000000000000"`, `trace_id="02000000000000000000000000000000"`} {
				if !strings.Contains(page, want) {
					t.Errorf("want an exemplar of the failing run with %s, got:\n%s", want, page)
				}
			}
			if err := all.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if c.spans["probe feed"] != 1 || c.spans["http.dns"] != 6 || c.spans["alert server-errors firing"] != 1 {
				t.Errorf("want every span once, got %v", c.spans)
			}
			for _, metric := range []string{"http.client.request.duration", "squarewatch.probe.runs", "squarewatch.notify.pending"} {
				if !c.metrics[metric] {
					t.Errorf("want metric %s, got %v", metric, c.metrics)
				}
			}
			if c.exponentials == 0 {
				t.Error("want exponential histograms with exemplars, got none")
			}
			if logs.String() != "" {
				t.Errorf("want nothing logged, got:\n%s", logs)
			}
		})
	}
}

// TestACollectorMayAcceptNoMetrics sends to a collector that accepts no metrics, like Jaeger. The log says so once, and nothing
// fails.
func TestACollectorMayAcceptNoMetrics(t *testing.T) {
	for name, start := range transports() {
		t.Run(name, func(t *testing.T) {
			c, logs := newCollector(), &logBuffer{}
			c.tracesOnly = true
			all, err := otel.New(t.Context(), otel.Options{Settings: otel.Settings{OTLP: start(t, c), KeepHealthy: 1}, Logger: logs.logger()})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				all.Recorder().Finished(run("collections", 1))
				if err := all.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if err := all.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if c.spans["probe collections"] != 2 {
				t.Errorf("want the spans of both runs, got %v", c.spans)
			}
			said := logs.String()
			if strings.Count(said, "has no service for metrics") != 1 || strings.Count(said, "\n") != 1 {
				t.Errorf("want one line that says that the collector has no service for metrics, got:\n%s", said)
			}
		})
	}
}

// unreachable returns an address on which no server listens.
func unreachable(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // only the address is used
	return "http://" + listener.Addr().String()
}

func TestUnreachableCollectorBlocksNothing(t *testing.T) {
	for _, protocol := range []string{collector.ProtocolGRPC, collector.ProtocolHTTP} {
		t.Run(protocol, func(t *testing.T) {
			logs := &logBuffer{}
			all, err := otel.New(t.Context(), otel.Options{
				Settings: otel.Settings{OTLP: collector.OTLP{Endpoint: unreachable(t), Protocol: protocol}, KeepHealthy: 1}, Logger: logs.logger(),
			})
			if err != nil {
				t.Fatal(err)
			}
			for range 5000 { // more spans than the queue holds
				all.Recorder().Finished(run("collections", 1))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if err := all.Flush(ctx); err == nil {
				t.Error("want an error from Flush, got nil")
			}
			if err := all.Shutdown(ctx); err != nil {
				t.Errorf("want a clean stop, got %v", err)
			}
			if ctx.Err() == nil {
				t.Log("the exports failed before the deadline")
			}
			for _, signal := range []string{"signal=traces", "signal=metrics"} {
				if got := strings.Count(logs.String(), signal); got > 1 {
					t.Errorf("want at most one line of %s, got %d:\n%s", signal, got, logs)
				}
			}
		})
	}
}

// TestCollectorRecovers lets a collector refuse several exports and then accept one.
func TestCollectorRecovers(t *testing.T) {
	var healthy sync.Map
	c, logs := newCollector(), &logBuffer{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := healthy.Load("now"); !ok {
			http.Error(w, "not yet", http.StatusForbidden)
			return
		}
		r.URL.Path = "/otlp" + r.URL.Path
		c.ServeHTTP(w, r)
	}))
	defer server.Close()
	all, err := otel.New(t.Context(), otel.Options{
		Settings: otel.Settings{OTLP: collector.OTLP{Endpoint: server.URL, Protocol: collector.ProtocolHTTP}, KeepHealthy: 1},
		Logger:   logs.logger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		all.Recorder().Finished(run("collections", 1))
		if err := all.Flush(t.Context()); err == nil {
			t.Error("want an error from Flush while the collector refuses, got nil")
		}
	}
	healthy.Store("now", true)
	all.Recorder().Finished(run("collections", 1))
	if err := all.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if err := all.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	failed, recovered := strings.Count(logs.String(), "does not reach"), strings.Count(logs.String(), "reaches the collector again")
	if failed != 2 || recovered != 2 {
		t.Errorf("want one line for each signal when exports fail and one when they succeed again, got %d and %d:\n%s", failed, recovered, logs)
	}
}
