package spool_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"squarewatch/otel/spool"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// errorOf is what a real client makes of its collector's answer.
func errorOf(t *testing.T, client otlptrace.Client) error {
	t.Helper()
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Stop(context.WithoutCancel(t.Context())) })
	return client.UploadTraces(t.Context(), batch(1, 5))
}

func partly(rejected int64, message string) *collectorpb.ExportTraceServiceResponse {
	return &collectorpb.ExportTraceServiceResponse{
		PartialSuccess: &collectorpb.ExportTracePartialSuccess{RejectedSpans: rejected, ErrorMessage: message},
	}
}

const remark = "too many (9 spans rejected)\n of 12"

func TestAnswersOverHTTP(t *testing.T) {
	rows := map[string]struct {
		code int
		body *collectorpb.ExportTraceServiceResponse
		lost int64
		want any
	}{
		"taken":                {200, &collectorpb.ExportTraceServiceResponse{}, 0, spool.Taken},
		"taken with a remark":  {200, partly(0, remark), 0, spool.Taken},
		"taken in part":        {200, partly(3, remark), 3, spool.Taken},
		"more than there were": {200, partly(300, ""), 5, spool.Taken},
		"bad request":          {400, nil, 5, spool.Refused},
		"too large":            {413, nil, 5, spool.Refused},
		"unauthorized":         {401, nil, 0, spool.Failed},
		"wrong path":           {404, nil, 0, spool.Failed},
		"too many requests":    {429, nil, 0, spool.Failed},
		"broken":               {500, nil, 0, spool.Failed},
		"unavailable":          {503, nil, 0, spool.Failed},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/x-protobuf")
				w.WriteHeader(row.code)
				body, _ := proto.Marshal(row.body)
				if row.body == nil {
					body = []byte("it said: 400 Bad Request, OTLP partial success: (1 spans rejected)")
				}
				_, _ = w.Write(body)
			}))
			defer server.Close()
			err := errorOf(t, otlptracehttp.NewClient(otlptracehttp.WithEndpointURL(server.URL+"/v1/traces"),
				otlptracehttp.WithRetry(otlptracehttp.RetryConfig{})))
			if got, lost := spool.Judge(err, 5); got != row.want || lost != row.lost {
				t.Errorf("got %v and %d lost, want %v and %d, of %v", got, lost, row.want, row.lost, err)
			}
		})
	}
}

// service answers over gRPC.
type service struct {
	collectorpb.UnimplementedTraceServiceServer
	answer *collectorpb.ExportTraceServiceResponse
	err    error
}

func (s *service) Export(context.Context, *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	return s.answer, s.err
}

func TestAnswersOverGRPC(t *testing.T) {
	rows := map[string]struct {
		service *service
		limit   int // of what the server receives
		lost    int64
		want    any
	}{
		"taken":               {&service{answer: &collectorpb.ExportTraceServiceResponse{}}, 1000, 0, spool.Taken},
		"taken with a remark": {&service{answer: partly(0, remark)}, 1000, 0, spool.Taken},
		"taken in part":       {&service{answer: partly(3, remark)}, 1000, 3, spool.Taken},
		"invalid":             {&service{err: errRefused}, 1000, 5, spool.Refused},
		"too large":           {&service{}, 10, 5, spool.Refused},
		"short of memory":     {&service{err: status.Error(codes.ResourceExhausted, "memory")}, 1000, 0, spool.Failed},
		"unavailable":         {&service{err: errAway}, 1000, 0, spool.Failed},
		"unauthenticated":     {&service{err: status.Error(codes.Unauthenticated, "")}, 1000, 0, spool.Failed},
		"broken":              {&service{err: errors.New("broken")}, 1000, 0, spool.Failed},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := grpc.NewServer(grpc.MaxRecvMsgSize(row.limit))
			collectorpb.RegisterTraceServiceServer(server, row.service)
			go func() { _ = server.Serve(listener) }()
			defer server.Stop()
			err = errorOf(t, otlptracegrpc.NewClient(otlptracegrpc.WithEndpoint(listener.Addr().String()), otlptracegrpc.WithInsecure(),
				otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{})))
			if got, lost := spool.Judge(err, 5); got != row.want || lost != row.lost {
				t.Errorf("got %v and %d lost, want %v and %d, of %v", got, lost, row.want, row.lost, err)
			}
		})
	}
}

// What the clients themselves find too large never gets smaller.
func TestRequestBeyondTheClientsOwnLimit(t *testing.T) {
	for name, client := range map[string]otlptrace.Client{
		"HTTP": otlptracehttp.NewClient(otlptracehttp.WithEndpointURL("http://127.0.0.1:1"), otlptracehttp.WithMaxRequestSize(10)),
		"gRPC": otlptracegrpc.NewClient(otlptracegrpc.WithEndpoint("127.0.0.1:1"), otlptracegrpc.WithInsecure(), otlptracegrpc.WithMaxRequestSize(10)),
	} {
		err := errorOf(t, client)
		if got, lost := spool.Judge(err, 5); got != spool.Refused || lost != 5 || !strings.Contains(err.Error(), "too large") {
			t.Errorf("%s: got %v and %d lost of %v", name, got, lost, err)
		}
	}
}
