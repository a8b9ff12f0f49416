package otlperr_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// message is a collector's message that looks like the end of a partial success.
const message = "too many (9 spans rejected)\n of 12"

// afterTest returns a context for clean-up after the test's own context has ended.
func afterTest(t *testing.T) context.Context {
	t.Helper()
	return context.WithoutCancel(t.Context())
}

// httpResponse is the response of an HTTP collector: a protobuf message, or text.
type httpResponse struct {
	code    int
	message proto.Message
	text    string
}

func serveHTTP(t *testing.T, response httpResponse) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.WriteHeader(response.code)
		body := []byte(response.text)
		if response.text == "" {
			body, _ = proto.Marshal(response.message) // a response of the generated types can be marshalled
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// services are the services of a gRPC collector.
type services struct {
	trace  traceService
	metric metricService
	log    logService
}

type traceService struct {
	tracepb.UnimplementedTraceServiceServer
	response *tracepb.ExportTraceServiceResponse
	err      error
}

func (s traceService) Export(context.Context, *tracepb.ExportTraceServiceRequest) (*tracepb.ExportTraceServiceResponse, error) {
	return s.response, s.err
}

type metricService struct {
	metricspb.UnimplementedMetricsServiceServer
	response *metricspb.ExportMetricsServiceResponse
	err      error
}

func (s metricService) Export(
	context.Context, *metricspb.ExportMetricsServiceRequest,
) (*metricspb.ExportMetricsServiceResponse, error) {
	return s.response, s.err
}

type logService struct {
	logspb.UnimplementedLogsServiceServer
	response *logspb.ExportLogsServiceResponse
	err      error
}

func (s logService) Export(context.Context, *logspb.ExportLogsServiceRequest) (*logspb.ExportLogsServiceResponse, error) {
	return s.response, s.err
}

// serveGRPC returns the address of a gRPC collector that receives messages of at most limit bytes.
func serveGRPC(t *testing.T, limit int, s services) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(limit))
	tracepb.RegisterTraceServiceServer(server, s.trace)
	metricspb.RegisterMetricsServiceServer(server, s.metric)
	logspb.RegisterLogsServiceServer(server, s.log)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // returns after Stop
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return listener.Addr().String()
}
