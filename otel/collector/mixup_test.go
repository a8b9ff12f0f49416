package collector_test

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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
		settings := collector.OTLP{Endpoint: c.endpoint, Protocol: protocol}
		list, err := settings.Destinations(func(string) string { return "" })
		if err != nil || len(list) == 0 {
			t.Fatalf("%s: %v", protocol, err)
		}
		if err := list[0].Ask(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", protocol, c.want, err)
		}
	}
}

// TestACollectorThatWantsACertificateIsNamed sends to a collector that asks for a client certificate. How its refusal looks depends on
// which side is faster.
func TestACollectorThatWantsACertificateIsNamed(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	settings := collector.OTLP{Endpoint: server.URL, Protocol: collector.ProtocolHTTP, CA: ca}
	list, err := settings.Destinations(func(string) string { return "" })
	if err != nil || len(list) == 0 {
		t.Fatal(err)
	}
	for range 20 {
		if err := list[0].Ask(t.Context()); err == nil || !strings.Contains(err.Error(), "set telemetry.otlp.client_certificate and client_key") {
			t.Errorf("want what to set, got %v", err)
		}
	}
}
