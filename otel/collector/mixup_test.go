package collector_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"squarewatch/otel/collector"
)

// TestAPortThatSpeaksTheOtherProtocolIsNamed asks a server of each protocol in the other one.
func TestAPortThatSpeaksTheOtherProtocolIsNamed(t *testing.T) {
	overHTTP := httptest.NewServer(http.NotFoundHandler())
	defer overHTTP.Close()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	overGRPC := grpc.NewServer()
	go func() { _ = overGRPC.Serve(listener) }()
	defer overGRPC.Stop()
	for protocol, c := range map[string]struct{ endpoint, want string }{
		collector.ProtocolGRPC: {overHTTP.URL, "this port speaks HTTP, not gRPC: set telemetry.otlp.protocol to http/protobuf"},
		collector.ProtocolHTTP: {"http://" + listener.Addr().String(), "this port speaks gRPC, not HTTP: set telemetry.otlp.protocol to grpc"},
	} {
		settings := collector.OTLP{Endpoint: c.endpoint, Protocol: protocol, Logs: true}
		list, err := settings.Destinations(func(string) string { return "" })
		if err != nil || len(list) != 3 {
			t.Fatalf("%s: want a destination for each signal, got %d, %v", protocol, len(list), err)
		}
		for i := range list {
			if err := list[i].Ask(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s of %s: want %q, got %v", protocol, list[i].Signal, c.want, err)
			}
		}
	}
}
