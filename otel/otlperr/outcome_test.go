package otlperr_test

import (
	"errors"
	"strings"
	"testing"

	"squarewatch/otel/otlperr"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// uploadError returns the error of a real client after it uploaded 5 spans.
func uploadError(t *testing.T, client otlptrace.Client) error {
	t.Helper()
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Stop(afterTest(t)) })
	spans := make([]*tracepb.Span, 5)
	for i := range spans {
		spans[i] = &tracepb.Span{Name: "a span", TraceId: make([]byte, 16), SpanId: make([]byte, 8)}
	}
	return client.UploadTraces(t.Context(), []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}}}})
}

func traceResponse(rejected int64, message string) *collectorpb.ExportTraceServiceResponse {
	return &collectorpb.ExportTraceServiceResponse{
		PartialSuccess: &collectorpb.ExportTracePartialSuccess{RejectedSpans: rejected, ErrorMessage: message},
	}
}

func TestClassifyOverHTTP(t *testing.T) {
	rows := map[string]struct {
		code int
		body *collectorpb.ExportTraceServiceResponse
		lost int64
		want otlperr.Outcome
	}{
		"accepted":                {code: 200, body: &collectorpb.ExportTraceServiceResponse{}, want: otlperr.Accepted},
		"accepted with a warning": {code: 200, body: traceResponse(0, message), want: otlperr.Accepted},
		"accepted in part":        {code: 200, body: traceResponse(3, message), lost: 3, want: otlperr.Accepted},
		"more than were sent":     {code: 200, body: traceResponse(300, ""), lost: 5, want: otlperr.Accepted},
		"fewer than none":         {code: 200, body: traceResponse(-3, ""), lost: 0, want: otlperr.Accepted},
		"bad request":             {code: 400, lost: 5, want: otlperr.Rejected},
		"too large":               {code: 413, lost: 5, want: otlperr.Rejected},
		"unauthorized":            {code: 401, want: otlperr.Failed},
		"wrong path":              {code: 404, want: otlperr.Failed},
		"too many requests":       {code: 429, want: otlperr.Failed},
		"internal error":          {code: 500, want: otlperr.Failed},
		"unavailable":             {code: 503, want: otlperr.Failed},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			response := httpResponse{code: row.code, message: row.body}
			if row.body == nil {
				response.text = "it said: 400 Bad Request, OTLP partial success: (1 spans rejected)"
			}
			err := uploadError(t, otlptracehttp.NewClient(otlptracehttp.WithEndpointURL(serveHTTP(t, response)+"/v1/traces"),
				otlptracehttp.WithRetry(otlptracehttp.RetryConfig{})))
			if got, lost := otlperr.Classify(err, 5); got != row.want || lost != row.lost {
				t.Errorf("want %v and %d lost, got %v and %d, of %v", row.want, row.lost, got, lost, err)
			}
		})
	}
}

// failing returns a service that responds with an error.
func failing(code codes.Code, message string) traceService {
	return traceService{err: status.Error(code, message)}
}

func TestClassifyOverGRPC(t *testing.T) {
	accepted := &collectorpb.ExportTraceServiceResponse{}
	rows := map[string]struct {
		service traceService
		limit   int // bytes that the server receives
		lost    int64
		want    otlperr.Outcome
	}{
		"accepted":                {service: traceService{response: accepted}, limit: 1000, want: otlperr.Accepted},
		"accepted with a warning": {service: traceService{response: traceResponse(0, message)}, limit: 1000, want: otlperr.Accepted},
		"accepted in part":        {service: traceService{response: traceResponse(3, message)}, limit: 1000, lost: 3, want: otlperr.Accepted},
		"invalid":                 {service: failing(codes.InvalidArgument, ""), limit: 1000, lost: 5, want: otlperr.Rejected},
		"too large":               {limit: 10, lost: 5, want: otlperr.Rejected},
		"out of memory":           {service: failing(codes.ResourceExhausted, "memory"), limit: 1000, want: otlperr.Failed},
		"unavailable":             {service: failing(codes.Unavailable, ""), limit: 1000, want: otlperr.Failed},
		"unauthenticated":         {service: failing(codes.Unauthenticated, ""), limit: 1000, want: otlperr.Failed},
		"unknown":                 {service: traceService{err: errors.New("unknown")}, limit: 1000, want: otlperr.Failed},
		"quotes a partial success": {
			service: failing(codes.Unavailable, "OTLP partial success: no (1 spans rejected)"),
			limit:   1000, want: otlperr.Failed,
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			address := serveGRPC(t, row.limit, services{trace: row.service})
			err := uploadError(t, otlptracegrpc.NewClient(otlptracegrpc.WithEndpoint(address), otlptracegrpc.WithInsecure(),
				otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{})))
			if got, lost := otlperr.Classify(err, 5); got != row.want || lost != row.lost {
				t.Errorf("want %v and %d lost, got %v and %d, of %v", row.want, row.lost, got, lost, err)
			}
		})
	}
}

// TestRequestAboveTheClientsOwnLimit checks that a request that the client itself refuses to send is not tried again.
func TestRequestAboveTheClientsOwnLimit(t *testing.T) {
	for name, client := range map[string]otlptrace.Client{
		"HTTP": otlptracehttp.NewClient(otlptracehttp.WithEndpointURL("http://127.0.0.1:1"), otlptracehttp.WithMaxRequestSize(10)),
		"gRPC": otlptracegrpc.NewClient(otlptracegrpc.WithEndpoint("127.0.0.1:1"), otlptracegrpc.WithInsecure(),
			otlptracegrpc.WithMaxRequestSize(10)),
	} {
		err := uploadError(t, client)
		if got, lost := otlperr.Classify(err, 5); got != otlperr.Rejected || lost != 5 || !strings.Contains(err.Error(), "too large") {
			t.Errorf("%s: want 5 spans lost, got %v and %d lost, of %v", name, got, lost, err)
		}
	}
}

func TestShort(t *testing.T) {
	short := otlperr.Short(errors.New(strings.Repeat("é", 200)))
	if len(short) > 310 || !strings.HasSuffix(short, "é…") {
		t.Errorf("want at most 300 bytes of whole characters, got %d: %q", len(short), short)
	}
	if got := otlperr.Short(errors.New("refused")); got != "refused" {
		t.Errorf("want a short error unchanged, got %q", got)
	}
}
