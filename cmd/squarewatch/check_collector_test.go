package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"squarewatch/otel/collector"
)

// TestACollectorMayAcceptNoMetrics asks collectors that accept traces and no metrics, and one that accepts neither.
func TestACollectorMayAcceptNoMetrics(t *testing.T) {
	traces := http.NewServeMux()
	traces.HandleFunc("POST /v1/traces", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	overHTTP, nothing := httptest.NewServer(traces), httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(overHTTP.Close)
	t.Cleanup(nothing.Close)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	overGRPC := grpc.NewServer()
	tracepb.RegisterTraceServiceServer(overGRPC, onlyTraces{})
	go overGRPC.Serve(listener) //nolint:errcheck // it ends with the test
	t.Cleanup(overGRPC.Stop)
	for _, row := range []struct {
		to     collector.OTLP
		traces bool
	}{
		{collector.OTLP{Endpoint: overHTTP.URL, Protocol: collector.ProtocolHTTP}, true},
		{collector.OTLP{Endpoint: "http://" + listener.Addr().String(), Protocol: collector.ProtocolGRPC}, true},
		{collector.OTLP{Endpoint: nothing.URL, Protocol: collector.ProtocolHTTP}, false},
	} {
		list, err := row.to.Destinations(func(string) string { return "" })
		if err != nil || len(list) != 2 {
			t.Fatalf("want traces and metrics, got %v, %v", list, err)
		}
		for _, to := range list {
			err := to.Ask(t.Context())
			wanted := row.traces || to.Signal == collector.SignalMetrics
			if got := err == nil || *collectorFault("collector", to.Signal, err).Works; got != wanted {
				t.Errorf("%s for %s: want works %t, got %t: %v", to.URL, to.Signal, wanted, got, err)
			}
		}
	}
	refused := collector.OTLP{Endpoint: "http://127.0.0.1:1", Protocol: collector.ProtocolHTTP}
	list, err := refused.Destinations(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range list {
		if *collectorFault("collector", to.Signal, to.Ask(t.Context())).Works {
			t.Errorf("%s: want a collector that is down to fail", to.Signal)
		}
	}
}

// onlyTraces accepts every request.
type onlyTraces struct {
	tracepb.UnimplementedTraceServiceServer
}

// Export accepts spans.
func (onlyTraces) Export(context.Context, *tracepb.ExportTraceServiceRequest) (*tracepb.ExportTraceServiceResponse, error) {
	return &tracepb.ExportTraceServiceResponse{}, nil
}
