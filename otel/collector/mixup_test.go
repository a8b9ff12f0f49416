package collector_test

import (
	"context"
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
	"squarewatch/otel/otlperr"
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

// TestACollectorThatWantsACertificateIsNamed sends to a collector that asks for a client certificate. How its refusal looks depends on
// which side is faster.
func TestACollectorThatWantsACertificateIsNamed(t *testing.T) {
	server := quietServer()
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
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

// quietServer returns a server that logs no handshakes.
func quietServer() *httptest.Server {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	return server
}

// TestAPortWithTLSIsNamed sends plain text to a server with TLS. The spans are not rejected, since no collector has read them.
func TestAPortWithTLSIsNamed(t *testing.T) {
	server := quietServer()
	server.StartTLS()
	defer server.Close()
	settings := collector.OTLP{Endpoint: strings.Replace(server.URL, "https", "http", 1), Protocol: collector.ProtocolHTTP}
	list, err := settings.Destinations(func(string) string { return "" })
	if err != nil || len(list) == 0 {
		t.Fatal(err)
	}
	client := list[0].TraceClient(false)
	defer func() { _ = client.Stop(context.WithoutCancel(t.Context())) }()
	for _, spans := range []int{6 * 8, 6 * 20_000} { // a long request is often cut off before its answer is read
		err := client.UploadTraces(t.Context(), batches(spans))
		if outcome, _ := otlperr.Classify(err, int64(spans)); outcome != otlperr.Failed {
			t.Errorf("want the spans kept, got %v of %v", outcome, err)
		}
		if err == nil || !strings.Contains(err.Error(), "let telemetry.otlp.endpoint begin with https://") {
			t.Errorf("want what to write, got %v", err)
		}
	}
}

// TestTheAnswerOfAPortWithTLSRejectsNothing has the answers of Go's server and of nginx to plain text, and the same from a collector.
func TestTheAnswerOfAPortWithTLSRejectsNothing(t *testing.T) {
	for said, want := range map[string]otlperr.Outcome{
		"Client sent an HTTP request to an HTTPS server.\n":                                              otlperr.Failed,
		"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>\r\n": otlperr.Failed,
		"cannot parse the request\n":                                                                     otlperr.Rejected,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, said, http.StatusBadRequest)
		}))
		client := to(t, collector.SignalTraces, server.URL, collector.ProtocolHTTP).TraceClient(false)
		err := client.UploadTraces(t.Context(), batches(48))
		if outcome, _ := otlperr.Classify(err, 48); outcome != want || err == nil {
			t.Errorf("%q: want %v, got %v of %v", said, want, outcome, err)
		}
		_ = client.Stop(context.WithoutCancel(t.Context()))
		server.Close()
	}
}
