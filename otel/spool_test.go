package otel_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"squarewatch/otel"
	"squarewatch/otel/collector"
)

// withSpool returns a Telemetry whose spans wait in dir for the collector at endpoint.
func withSpool(t *testing.T, endpoint, dir string, logs *logBuffer) *otel.Telemetry {
	t.Helper()
	settings := otel.DefaultSettings()
	settings.OTLP = collector.OTLP{Endpoint: endpoint, Protocol: collector.ProtocolHTTP}
	all, err := otel.New(t.Context(), otel.Options{Settings: settings, SpoolDir: dir, Logger: logs.logger()})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// shutDown shuts down as the daemon does: it sends for a limited time, then leaves the unsent spans on disk.
func shutDown(t *testing.T, all *otel.Telemetry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := all.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// TestSpansWaitForTheCollector records and stops while the collector is down, then starts again when it is up.
func TestSpansWaitForTheCollector(t *testing.T) {
	dir, logs := t.TempDir(), &logBuffer{}
	address := strings.TrimPrefix(unreachable(t), "http://")
	all := withSpool(t, "http://"+address+"/otlp", dir, logs)
	recordAll(all.Recorder())
	shutDown(t, all)
	if text := logs.String(); !strings.Contains(text, "left on disk") {
		t.Errorf("want a line about the spans left on disk, got:\n%s", text)
	}

	c := newCollector()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Skip("another process uses the address now: ", err)
	}
	server := httptest.NewUnstartedServer(c)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	defer server.Close()

	all = withSpool(t, "http://"+address+"/otlp", dir, logs)
	if err := all.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	page := scrape(t, all.Metrics(), "text/plain")
	for _, want := range []string{"squarewatch_spool_bytes 0\n", "squarewatch_spool_dropped_total 0\n"} {
		if !strings.Contains(page, want) {
			t.Errorf("want %q on the page", want)
		}
	}
	if err := all.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if c.spans["probe feed"] != 1 || c.spans["http.dns"] != 6 || c.spans["alert server-errors firing"] != 1 {
		t.Errorf("want every span once, got %v", c.spans)
	}
}

// TestSecondProcessRunsWithoutSpool starts two instances with the same spool directory.
func TestSecondProcessRunsWithoutSpool(t *testing.T) {
	c, dir, logs := newCollector(), t.TempDir(), &logBuffer{}
	server := httptest.NewServer(http.Handler(c))
	defer server.Close()
	first := withSpool(t, server.URL+"/otlp", dir, logs)
	second := withSpool(t, server.URL+"/otlp", dir, logs)
	if text := logs.String(); !strings.Contains(text, "spans do not wait on disk") {
		t.Errorf("want a line about it, got:\n%s", text)
	}
	recordAll(second.Recorder())
	for _, all := range []*otel.Telemetry{second, first} {
		if err := all.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if c.spans["probe feed"] != 1 {
		t.Errorf("want the spans of the second instance sent, got %v", c.spans)
	}
}
