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
	"log/slog"
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

// guarded is a collector behind TLS that asks for a client certificate and for a header.
type guarded struct {
	ca, certificate, key string // files
	endpoint             string
	taken                atomic.Int32 // requests that had both
}

const collectorToken = "hunter2"

func newGuarded(t *testing.T, protocol string) *guarded {
	t.Helper()
	g := &guarded{}
	clients := g.issueClient(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != collectorToken {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		g.taken.Add(1)
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

func (g *guarded) serveGRPC(t *testing.T, config *tls.Config) {
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
			g.taken.Add(1)
			return next(ctx, request)
		}))
	c := newCollector()
	tracepb.RegisterTraceServiceServer(server, traceService{testCollector: c})
	metricspb.RegisterMetricsServiceServer(server, metricService{testCollector: c})
	go func() { _ = server.Serve(listener) }() // ends with Stop
	t.Cleanup(server.Stop)
	g.endpoint = "https://" + listener.Addr().String()
}

// issueClient makes the client's certificate, which signs itself.
func (g *guarded) issueClient(t *testing.T) *x509.CertPool {
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

// TestGuardedCollector reaches a collector with TLS, client certificates and a token, by the file and by the variables.
func TestGuardedCollector(t *testing.T) {
	for _, protocol := range []string{collector.ProtocolGRPC, collector.ProtocolHTTP} {
		for name, set := range map[string]func(t *testing.T, g *guarded) collector.OTLP{
			"file": func(_ *testing.T, g *guarded) collector.OTLP {
				return collector.OTLP{
					Endpoint: g.endpoint, Protocol: protocol, CA: g.ca, ClientCertificate: g.certificate, ClientKey: g.key,
					Headers: map[string]secret.Text{"X-Token": secret.New(collectorToken)},
				}
			},
			"variables": func(t *testing.T, g *guarded) collector.OTLP {
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
				g, logs := newGuarded(t, protocol), &logBuffer{}
				all, err := otel.New(t.Context(), otel.Options{Settings: otel.Settings{OTLP: set(t, g), KeepHealthy: 1}, Logger: logs.logger()})
				if err != nil {
					t.Fatal(err)
				}
				feed(all.Recorder())
				if err := all.Flush(t.Context()); err != nil {
					t.Error(err)
				}
				if err := all.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				if g.taken.Load() < 2 {
					t.Errorf("want spans and metrics taken, got %d requests; logged:\n%s", g.taken.Load(), logs)
				}
			})
		}
	}
}

// TestStrangerAtAGuardedCollector leaves out the certificates: everything is refused, and no secret is told.
func TestStrangerAtAGuardedCollector(t *testing.T) {
	g, logs := newGuarded(t, collector.ProtocolHTTP), &logBuffer{}
	all, err := otel.New(t.Context(), otel.Options{Settings: otel.Settings{KeepHealthy: 1, OTLP: collector.OTLP{
		Endpoint: g.endpoint, Protocol: collector.ProtocolHTTP, Headers: map[string]secret.Text{"X-Token": secret.New(collectorToken)},
	}}, Logger: logs.logger()})
	if err != nil {
		t.Fatal(err)
	}
	feed(all.Recorder())
	if err := all.Flush(t.Context()); err == nil || strings.Contains(err.Error(), collectorToken) {
		t.Errorf("want an error without the token, got %v", err)
	}
	if err := all.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if g.taken.Load() != 0 || strings.Contains(logs.String(), collectorToken) {
		t.Errorf("want nothing taken and no token logged, got %d and:\n%s", g.taken.Load(), logs)
	}
}

func TestCertificatesThatCannotBeRead(t *testing.T) {
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
			t.Fatalf("want everything else to go on, got %v", err)
		}
		leave(t, all)
		if err := settings.Check(os.Getenv); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(logs.String(), want) {
			t.Errorf("want said in the check and in the log that %q, got %v and:\n%s", want, err, logs)
		}
	}
}

// TestCertificatesAreNotForAPlainCollector has them in the environment, as for all programs of a host.
func TestCertificatesAreNotForAPlainCollector(t *testing.T) {
	g := newGuarded(t, collector.ProtocolHTTP)
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
			feed(all.Recorder())
			all.Logger(logs.logger()).InfoContext(t.Context(), "hello")
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := errors.Join(all.Flush(ctx), all.Shutdown(ctx)); err != nil {
				t.Error(err)
			}
			if c.spans["probe feed"] != 1 || !c.metrics["squarewatch.probe.runs"] || len(c.logs) != 1 {
				t.Errorf("want all signals taken, got %v, %v and %v; logged:\n%s", c.spans, c.metrics, c.logs, logs)
			}
		})
	}
}

// TestAnExporterThatCannotBePreparedStopsNothing has an address, with the name of an interface, that gRPC cannot read.
func TestAnExporterThatCannotBePreparedStopsNothing(t *testing.T) {
	settings, logs := otel.DefaultSettings(), &logBuffer{}
	settings.OTLP = collector.OTLP{Endpoint: "http://[fe80::1%25eth0]:4317", Protocol: collector.ProtocolGRPC, Logs: true}
	all, err := otel.New(t.Context(), otel.Options{Settings: settings, SpoolDir: t.TempDir(), Logger: logs.logger()})
	if err != nil {
		t.Fatal(err)
	}
	feed(all.Recorder())
	if err := all.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if page := scrape(t, all.Metrics(), "text/plain"); !strings.Contains(page, "squarewatch_probe_up{") {
		t.Errorf("want everything else to go on, got:\n%s", page)
	}
	leave(t, all)
	if got := strings.Count(logs.String(), "some telemetry is not sent"); got != 3 {
		t.Errorf("want it said of each signal, got:\n%s", logs)
	}
}

// TestVariablesThatCannotBeReadAreNotRepeated has the same mistake in variables that are used and in others.
func TestVariablesThatCannotBeReadAreNotRepeated(t *testing.T) {
	t.Cleanup(func() { otel.ReportFaults(slog.New(slog.DiscardHandler)) })
	for name, c := range map[string]struct {
		variable, value string
		sent            bool // all signals by the file, which says what the variable would
	}{
		"header with a colon":       {"HEADERS", "authorization:Bearer hunter2", false},
		"header with a bad escape":  {"HEADERS", "authorization=hunter2%zz", false},
		"header of another name":    {"HEADERS", "Bearer hunter2==", false},
		"header of two lines":       {"HEADERS", "a=b,authorization=hunter2%0Ax", false},
		"headers beside the file's": {"TRACES_HEADERS", "authorization:hunter2,x=hunter2%zz,hunter2 =", true},
		"user and broken port":      {"ENDPOINT", "http://me:hunter2@collector:port", false},
		"endpoint beside the file":  {"METRICS_ENDPOINT", "http://me:hunter2@collector:port", true},
		"duration":                  {"TIMEOUT", "hunter2", true},
	} {
		for _, protocol := range []string{collector.ProtocolGRPC, collector.ProtocolHTTP} {
			t.Run(name+" "+filepath.Base(protocol), func(t *testing.T) {
				variable := "OTEL_EXPORTER_OTLP_" + c.variable
				t.Setenv(variable, c.value)
				settings, logs := collector.OTLP{Protocol: protocol, Logs: true}, &logBuffer{}
				if c.sent || !strings.HasSuffix(variable, "ENDPOINT") {
					settings.Endpoint = unreachable(t)
				}
				if c.sent {
					settings.Headers = map[string]secret.Text{"X-Token": secret.New(collectorToken)}
				}
				otel.ReportFaults(logs.logger())
				all, err := otel.New(t.Context(), otel.Options{Settings: otel.Settings{OTLP: settings}, Logger: logs.logger()})
				if err != nil {
					t.Fatal(err)
				}
				leave(t, all)
				check, text := settings.Check(os.Getenv), logs.String()
				if strings.Contains(text, "hunter2") || check != nil && strings.Contains(check.Error(), "hunter2") {
					t.Errorf("want nothing repeated, got %v and:\n%s", check, text)
				}
				if (check == nil) != c.sent || strings.Contains(text, "not sent") == c.sent {
					t.Errorf("want it refused: %v, got %v and:\n%s", !c.sent, check, text)
				}
				if !c.sent && !strings.Contains(check.Error(), strings.TrimSuffix(variable, "ENDPOINT")) {
					t.Errorf("want %s named, got %v", variable, check)
				}
			})
		}
	}
}

// TestVariablesDoNotChangeWhatIsSent sets what the exporters would read by themselves.
func TestVariablesDoNotChangeWhatIsSent(t *testing.T) {
	for name, start := range transports() {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
			c, logs := newCollector(), &logBuffer{}
			all, err := otel.New(t.Context(), otel.Options{Settings: otel.Settings{OTLP: start(t, c), KeepHealthy: 1}, Logger: logs.logger()})
			if err != nil {
				t.Fatal(err)
			}
			feed(all.Recorder())
			if err := errors.Join(all.Flush(t.Context()), all.Shutdown(t.Context())); err != nil {
				t.Error(err)
			}
			if c.spans["probe feed"] != 1 || !c.metrics["go.memory.allocated"] || len(c.deltas) > 0 {
				t.Errorf("want protobuf and everything cumulative, got %v, %v and delta %v; logged:\n%s", c.spans, c.metrics, c.deltas, logs)
			}
		})
	}
}
