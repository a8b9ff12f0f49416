package otel_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"squarewatch/config/secret"
	"squarewatch/otel"
	"squarewatch/otel/collector"

	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// secured is a collector with TLS that requires a client certificate and a header.
type secured struct {
	ca, certificate, key string // files
	endpoint             string
	accepted             atomic.Int32 // requests with both
}

const collectorToken = "hunter2"

func newSecured(t *testing.T, protocol string) *secured {
	t.Helper()
	g := &secured{}
	clients := g.issueClient(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != collectorToken {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		g.accepted.Add(1)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	g.ca = pemFile(t, "ca.pem", "CERTIFICATE", server.Certificate().Raw)
	g.endpoint = server.URL
	if protocol == collector.ProtocolGRPC {
		g.serveGRPC(t, server.TLS)
	}
	return g
}

func (g *secured) serveGRPC(t *testing.T, config *tls.Config) {
	t.Helper()
	config = config.Clone()
	config.NextProtos = []string{"h2"}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)), grpc.UnaryInterceptor(
		func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if sent, _ := metadata.FromIncomingContext(ctx); len(sent.Get("x-token")) != 1 || sent.Get("x-token")[0] != collectorToken {
				return nil, status.Error(codes.PermissionDenied, "no token")
			}
			g.accepted.Add(1)
			return next(ctx, request)
		}))
	c := newCollector()
	tracepb.RegisterTraceServiceServer(server, traceService{testCollector: c})
	metricspb.RegisterMetricsServiceServer(server, metricService{testCollector: c})
	go func() { _ = server.Serve(listener) }() // returns after Stop
	t.Cleanup(server.Stop)
	g.endpoint = "https://" + listener.Addr().String()
}

// issueClient creates a self-signed client certificate.
func (g *secured) issueClient(t *testing.T) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	g.certificate = pemFile(t, "client.pem", "CERTIFICATE", certificate)
	g.key = pemFile(t, "client-key.pem", "PRIVATE KEY", private)
	clients := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		t.Fatal(err)
	}
	clients.AddCert(parsed)
	return clients
}

func pemFile(t *testing.T, name, kind string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSecuredCollector sends to a collector that requires a client certificate and a token, with settings from the file or from variables.
func TestSecuredCollector(t *testing.T) {
	for _, protocol := range []string{collector.ProtocolGRPC, collector.ProtocolHTTP} {
		for name, set := range map[string]func(t *testing.T, g *secured) collector.OTLP{
			"file": func(_ *testing.T, g *secured) collector.OTLP {
				return collector.OTLP{
					Endpoint: g.endpoint, Protocol: protocol, CA: g.ca, ClientCertificate: g.certificate, ClientKey: g.key,
					Headers: map[string]secret.Text{"X-Token": secret.New(collectorToken)},
				}
			},
			"variables": func(t *testing.T, g *secured) collector.OTLP {
				t.Helper()
				for name, value := range map[string]string{
					"ENDPOINT": g.endpoint, "PROTOCOL": protocol, "CERTIFICATE": g.ca, "CLIENT_CERTIFICATE": g.certificate,
					"CLIENT_KEY": g.key, "HEADERS": "x-token=" + collectorToken, "COMPRESSION": "gzip", "TIMEOUT": "5000",
				} {
					t.Setenv("OTEL_EXPORTER_OTLP_"+name, value)
				}
				return collector.OTLP{}
			},
		} {
			t.Run(protocol+"/"+name, func(t *testing.T) {
				g, logs := newSecured(t, protocol), &logBuffer{}
				all, err := otel.New(t.Context(), otel.Options{Settings: otel.Settings{OTLP: set(t, g), KeepHealthy: 1}, Logger: logs.logger()})
				if err != nil {
					t.Fatal(err)
				}
				recordAll(all.Recorder())
				if err := all.Flush(t.Context()); err != nil {
					t.Error(err)
				}
				if err := all.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				if g.accepted.Load() < 2 {
					t.Errorf("want spans and metrics accepted, got %d requests; logged:\n%s", g.accepted.Load(), logs)
				}
			})
		}
	}
}

// TestMissingClientCertificate sends without the client certificate: the collector refuses everything, and no secret is logged.
func TestMissingClientCertificate(t *testing.T) {
	g, logs := newSecured(t, collector.ProtocolHTTP), &logBuffer{}
	all, err := otel.New(t.Context(), otel.Options{Settings: otel.Settings{KeepHealthy: 1, OTLP: collector.OTLP{
		Endpoint: g.endpoint, Protocol: collector.ProtocolHTTP, Headers: map[string]secret.Text{"X-Token": secret.New(collectorToken)},
	}}, Logger: logs.logger()})
	if err != nil {
		t.Fatal(err)
	}
	recordAll(all.Recorder())
	if err := all.Flush(t.Context()); err == nil || strings.Contains(err.Error(), collectorToken) {
		t.Errorf("want an error without the token, got %v", err)
	}
	if err := all.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if g.accepted.Load() != 0 || strings.Contains(logs.String(), collectorToken) {
		t.Errorf("want nothing accepted and no token logged, got %d and:\n%s", g.accepted.Load(), logs)
	}
}

func TestUnreadableCertificates(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, settings := range map[string]collector.OTLP{
		"read telemetry.otlp.ca":                 {CA: "/none.pem"},
		"holds no certificate":                   {CA: empty},
		"read telemetry.otlp.client_certificate": {ClientCertificate: "/none.pem", ClientKey: "/none.pem"},
	} {
		settings.Endpoint = "https://127.0.0.1:4317"
		logs := &logBuffer{}
		all, err := otel.New(t.Context(), otel.Options{Settings: otel.Settings{OTLP: settings}, Logger: logs.logger()})
		if err != nil {
			t.Fatalf("want no error from New, got %v", err)
		}
		shutDown(t, all)
		if err := settings.Check(os.Getenv); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(logs.String(), want) {
			t.Errorf("want %q in the check and in the log, got %v and:\n%s", want, err, logs)
		}
	}
}

// TestCertificatesAreIgnoredWithoutEncryption sets certificates in the environment, as an administrator does for all programs of a host.
func TestCertificatesAreIgnoredWithoutEncryption(t *testing.T) {
	g := newSecured(t, collector.ProtocolHTTP)
	for name, start := range transports() {
		t.Run(name, func(t *testing.T) {
			for name, value := range map[string]string{"CERTIFICATE": g.ca, "CLIENT_CERTIFICATE": g.certificate, "CLIENT_KEY": g.key} {
				t.Setenv("OTEL_EXPORTER_OTLP_"+name, value)
			}
			c, logs := newCollector(), &logBuffer{}
			settings := start(t, c)
			settings.Logs = true
			all, err := otel.New(t.Context(), otel.Options{Settings: otel.Settings{OTLP: settings, KeepHealthy: 1}, Logger: logs.logger()})
			if err != nil {
				t.Fatal(err)
			}
			recordAll(all.Recorder())
			all.Logger(logs.logger()).InfoContext(t.Context(), "hello")
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := errors.Join(all.Flush(ctx), all.Shutdown(ctx)); err != nil {
				t.Error(err)
			}
			if c.spans["probe feed"] != 1 || !c.metrics["squarewatch.probe.runs"] || len(c.logs) != 1 {
				t.Errorf("want all signals accepted, got %v, %v and %v; logged:\n%s", c.spans, c.metrics, c.logs, logs)
			}
		})
	}
}

// TestNewSurvivesAnExporterThatCannotBeSetUp uses an address with a network interface, which gRPC cannot parse.
func TestNewSurvivesAnExporterThatCannotBeSetUp(t *testing.T) {
	settings, logs := otel.DefaultSettings(), &logBuffer{}
	settings.OTLP = collector.OTLP{Endpoint: "http://[fe80::1%25eth0]:4317", Protocol: collector.ProtocolGRPC, Logs: true}
	all, err := otel.New(t.Context(), otel.Options{Settings: settings, SpoolDir: t.TempDir(), Logger: logs.logger()})
	if err != nil {
		t.Fatal(err)
	}
	recordAll(all.Recorder())
	if err := all.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if page := scrape(t, all.Metrics(), "text/plain"); !strings.Contains(page, "squarewatch_probe_up{") {
		t.Errorf("want the other metrics on the page, got:\n%s", page)
	}
	shutDown(t, all)
	if got := strings.Count(logs.String(), "some telemetry is not sent"); got != 3 {
		t.Errorf("want a line for each signal, got:\n%s", logs)
	}
}
