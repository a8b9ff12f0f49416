package collector_test

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"squarewatch/otel/collector"
	"squarewatch/otel/encoded"
	"squarewatch/otel/otlperr"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// maxRequest is the largest request that the collectors of these tests accept.
const maxRequest = 5000

// counts is what a collector accepted.
type counts struct {
	mu                              sync.Mutex
	spans, metrics, points, records int
}

func (c *counts) add(spans, metrics, points, records int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans, c.metrics, c.points, c.records = c.spans+spans, c.metrics+metrics, c.points+points, c.records+records
}

// behindNginx starts an OTLP/HTTP collector that answers 413 to a larger body, as nginx does for client_max_body_size
// (https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size).
func behindNginx(t *testing.T, got *counts) string {
	t.Helper()
	return smallOverHTTP(t, got, func(w http.ResponseWriter) {
		http.Error(w, "Request Entity Too Large", http.StatusRequestEntityTooLarge)
	})
}

// byItself starts an OTLP/HTTP collector that answers 400 to a larger body, as the OpenTelemetry Collector does for max_request_body_size:
// https://github.com/open-telemetry/opentelemetry-collector/blob/v0.140.0/receiver/otlpreceiver/otlphttp.go (readAndCloseBody).
func byItself(t *testing.T, got *counts) string {
	t.Helper()
	return smallOverHTTP(t, got, func(w http.ResponseWriter) {
		said, _ := proto.Marshal(&status.Status{Code: int32(codes.InvalidArgument), Message: "http: request body too large"})
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(said)
	})
}

func smallOverHTTP(t *testing.T, got *counts, refuse func(http.ResponseWriter)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var reader io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			reader, _ = gzip.NewReader(r.Body)
		}
		body, _ := io.ReadAll(reader)
		if len(body) > maxRequest {
			refuse(w)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		var spans collectorpb.ExportTraceServiceRequest
		var metrics metricspb.ExportMetricsServiceRequest
		var logs logspb.ExportLogsServiceRequest
		switch r.URL.Path {
		case "/v1/traces":
			_ = proto.Unmarshal(body, &spans)
		case "/v1/metrics":
			_ = proto.Unmarshal(body, &metrics)
		case "/v1/logs":
			_ = proto.Unmarshal(body, &logs)
		}
		count, points := metricsIn(&metrics)
		got.add(spansIn(&spans), count, points, recordsIn(&logs))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func spansIn(r *collectorpb.ExportTraceServiceRequest) (n int) {
	for _, of := range r.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			n += len(scope.GetSpans())
		}
	}
	return n
}

func metricsIn(r *metricspb.ExportMetricsServiceRequest) (metrics, points int) {
	for _, of := range r.GetResourceMetrics() {
		for _, scope := range of.GetScopeMetrics() {
			metrics += len(scope.GetMetrics())
			for _, m := range scope.GetMetrics() {
				points += len(m.GetGauge().GetDataPoints()) + len(m.GetSum().GetDataPoints()) +
					len(m.GetHistogram().GetDataPoints()) + len(m.GetExponentialHistogram().GetDataPoints())
			}
		}
	}
	return metrics, points
}

func recordsIn(r *logspb.ExportLogsServiceRequest) (n int) {
	for _, of := range r.GetResourceLogs() {
		for _, scope := range of.GetScopeLogs() {
			n += len(scope.GetLogRecords())
		}
	}
	return n
}

type traceServer struct {
	collectorpb.UnimplementedTraceServiceServer

	got *counts
}

// Export accepts what the limit of the server let through.
func (s traceServer) Export(_ context.Context, r *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	s.got.add(spansIn(r), 0, 0, 0)
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

// smallOverGRPC starts a gRPC collector with a small MaxRecvMsgSize; the default is 4 MiB
// (https://pkg.go.dev/google.golang.org/grpc#MaxRecvMsgSize).
func smallOverGRPC(t *testing.T, got *counts) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxRequest))
	collectorpb.RegisterTraceServiceServer(server, traceServer{got: got})
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return "http://" + listener.Addr().String()
}

// to returns the destination of a signal.
func to(t *testing.T, signal, endpoint, protocol string) *collector.Destination {
	t.Helper()
	o := collector.OTLP{Endpoint: endpoint, Protocol: protocol, Logs: true}
	all, err := o.Destinations(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if all[i].Signal == signal {
			return &all[i]
		}
	}
	t.Fatalf("no destination of %s", signal)
	return nil
}

// batches returns so many spans, in several resources and scopes. One of them is too large for any request.
func batches(spans int) (all []*tracepb.ResourceSpans) {
	for resource := range 3 {
		of := &tracepb.ResourceSpans{}
		for range 2 {
			scope := &tracepb.ScopeSpans{}
			for i := range spans / 6 {
				scope.Spans = append(scope.Spans, &tracepb.Span{Name: "span " + strconv.Itoa(i)})
			}
			of.ScopeSpans = append(of.ScopeSpans, scope)
		}
		if resource == 1 {
			of.ScopeSpans[1].Spans[7].Name = strings.Repeat("x", maxRequest+1)
		}
		all = append(all, of)
	}
	return all
}

// TestALargeRequestIsSentInParts has collectors that accept only small requests. Only a span that is too large by itself is lost.
func TestALargeRequestIsSentInParts(t *testing.T) {
	for name, small := range map[string]struct {
		protocol string
		start    func(*testing.T, *counts) string
	}{
		"behind nginx": {collector.ProtocolHTTP, behindNginx}, "HTTP": {collector.ProtocolHTTP, byItself},
		"gRPC": {collector.ProtocolGRPC, smallOverGRPC},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got counts
			client := to(t, collector.SignalTraces, small.start(t, &got), small.protocol).TraceClient(false)
			if err := client.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = client.Stop(context.WithoutCancel(t.Context())) }()
			request, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: batches(2100)})
			if err != nil {
				t.Fatal(err)
			}
			unread, err := encoded.Unread(request)
			if err != nil {
				t.Fatal(err)
			}
			err = client.UploadTraces(t.Context(), unread)
			outcome, lost := otlperr.Classify(err, 2100)
			if got.spans != 2099 || outcome != otlperr.Accepted || lost != 1 {
				t.Errorf("want 2099 spans accepted and 1 lost, got %d and %d: %v", got.spans, lost, err)
			}
		})
	}
}

// TestLargeMetricsAndLogsAreSentInParts has the same for the other signals.
func TestLargeMetricsAndLogsAreSentInParts(t *testing.T) {
	t.Run("behind nginx", func(t *testing.T) { sendLarge(t, behindNginx) })
	t.Run("HTTP", func(t *testing.T) { sendLarge(t, byItself) })
}

// sendLarge sends metrics and logs to a collector that accepts only small requests.
func sendLarge(t *testing.T, start func(*testing.T, *counts) string) {
	t.Helper()
	var got counts
	endpoint := start(t, &got)
	metrics, err := to(t, collector.SignalMetrics, endpoint, collector.ProtocolHTTP).MetricExporter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = metrics.Shutdown(context.WithoutCancel(t.Context())) }()
	list := make([]metricdata.Metrics, 500)
	for i := range list {
		list[i] = metricdata.Metrics{
			Name: "metric." + strconv.Itoa(i),
			Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Value: 1}}},
		}
	}
	if err := metrics.Export(t.Context(), metricsOf(list...)); err != nil {
		t.Error(err)
	}
	logs, err := to(t, collector.SignalLogs, endpoint, collector.ProtocolHTTP).LogExporter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = logs.Shutdown(context.WithoutCancel(t.Context())) }()
	records := make([]sdklog.Record, 500)
	for i := range records {
		records[i].SetEventName("event." + strconv.Itoa(i))
	}
	if err := logs.Export(t.Context(), records); err != nil {
		t.Error(err)
	}
	if got.metrics != 500 || got.records != 500 {
		t.Errorf("want 500 metrics and 500 records accepted, got %d and %d", got.metrics, got.records)
	}
}

func metricsOf(list ...metricdata.Metrics) *metricdata.ResourceMetrics {
	return &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: list}}}
}

// point returns an attribute set that makes a data point of some bytes.
func point(i, bytes int) attribute.Set {
	return attribute.NewSet(attribute.String("probe", strconv.Itoa(i)+strings.Repeat("x", bytes)))
}

// TestTheDataPointsOfOneMetricAreDivided has metrics of each kind whose data points do not fit into one request, and one data point that is
// too large by itself. Only that one is lost, and the error says so.
func TestTheDataPointsOfOneMetricAreDivided(t *testing.T) {
	const number, large = 300, 7
	var gauge metricdata.Gauge[float64]
	var level metricdata.Gauge[int64]
	var sum metricdata.Sum[int64]
	var seconds metricdata.Sum[float64]
	var histogram metricdata.Histogram[float64]
	var exponential metricdata.ExponentialHistogram[float64]
	for i := range number {
		bytes := 20
		if i == large {
			bytes = maxRequest
		}
		set := point(i, bytes)
		gauge.DataPoints = append(gauge.DataPoints, metricdata.DataPoint[float64]{Attributes: set})
		level.DataPoints = append(level.DataPoints, metricdata.DataPoint[int64]{Attributes: set})
		sum.DataPoints = append(sum.DataPoints, metricdata.DataPoint[int64]{Attributes: set})
		seconds.DataPoints = append(seconds.DataPoints, metricdata.DataPoint[float64]{Attributes: set})
		histogram.DataPoints = append(histogram.DataPoints, metricdata.HistogramDataPoint[float64]{Attributes: set})
		exponential.DataPoints = append(exponential.DataPoints, metricdata.ExponentialHistogramDataPoint[float64]{Attributes: set})
	}
	sum.Temporality, seconds.Temporality = metricdata.CumulativeTemporality, metricdata.CumulativeTemporality
	histogram.Temporality, exponential.Temporality = metricdata.CumulativeTemporality, metricdata.CumulativeTemporality
	for _, data := range []metricdata.Aggregation{gauge, level, sum, seconds, histogram, exponential} {
		var got counts
		exporter, err := to(t, collector.SignalMetrics, behindNginx(t, &got), collector.ProtocolHTTP).MetricExporter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = exporter.Export(t.Context(), metricsOf(metricdata.Metrics{Name: "many", Data: data}))
		if lost := otlperr.Lost(err, number); lost != 1 || got.points != number-1 {
			t.Errorf("%T: want %d points accepted and 1 lost, got %d and %d: %v", data, number-1, got.points, lost, err)
		}
		if err := exporter.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
