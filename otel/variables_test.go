package otel_test

import (
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"squarewatch/config/secret"
	"squarewatch/otel"
	"squarewatch/otel/collector"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// TestVariablesReachTheCollector checks that resource attributes and compression from variables are what the collector receives.
func TestVariablesReachTheCollector(t *testing.T) {
	var mu sync.Mutex
	encodings, resource := map[string]string{}, map[string]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		encodings[r.URL.Path] = r.Header.Get("Content-Encoding")
		w.Header().Set("Content-Type", "application/x-protobuf")
		if r.URL.Path != "/v1/traces" {
			return
		}
		var request tracepb.ExportTraceServiceRequest
		body, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		if text, err := io.ReadAll(body); err != nil || proto.Unmarshal(text, &request) != nil {
			t.Errorf("want spans in the request, got %v", err)
		}
		for _, spans := range request.GetResourceSpans() {
			for _, a := range spans.GetResource().GetAttributes() {
				resource[a.GetKey()] = a.GetValue().GetStringValue()
			}
		}
	}))
	defer server.Close()
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_EXPORTER_OTLP_PROTOCOL": collector.ProtocolHTTP,
		"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "gzip", "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION": "none",
		"OTEL_SERVICE_NAME": "mine", "OTEL_RESOURCE_ATTRIBUTES": "team=on%20call,service.name=not-this,deployment.environment.name=test",
	} {
		t.Setenv(name, value)
	}
	all, err := otel.New(t.Context(), otel.Options{Settings: otel.Settings{KeepHealthy: 1}, Logger: (&logBuffer{}).logger()})
	if err != nil {
		t.Fatal(err)
	}
	recordAll(all.Recorder())
	if err := all.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(map[string]string{"/v1/traces": "gzip", "/v1/metrics": ""}, encodings); diff != "" {
		t.Errorf("encodings (-want +got):\n%s", diff)
	}
	for key, want := range map[string]string{"service.name": "mine", "team": "on call", "deployment.environment.name": "test"} {
		if resource[key] != want {
			t.Errorf("%s: want %q, got %q", key, want, resource[key])
		}
	}
}

// TestInvalidVariablesAreNotRepeated sets invalid values that hold a secret, in variables that are used and in others.
func TestInvalidVariablesAreNotRepeated(t *testing.T) {
	t.Cleanup(func() { otel.ReportFaults(slog.New(slog.DiscardHandler)) })
	for name, c := range map[string]struct {
		variable, value string
		sent            bool // all signals are sent, because the file overrides the variable
	}{
		"header with a colon":       {"HEADERS", "authorization:Bearer hunter2", false},
		"header with a bad escape":  {"HEADERS", "authorization=hunter2%zz", false},
		"header without a name":     {"HEADERS", "Bearer hunter2==", false},
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
				shutDown(t, all)
				check, text := settings.Check(os.Getenv), logs.String()
				if strings.Contains(text, "hunter2") || check != nil && strings.Contains(check.Error(), "hunter2") {
					t.Errorf("want the value not repeated, got %v and:\n%s", check, text)
				}
				if (check == nil) != c.sent || strings.Contains(text, "not sent") == c.sent {
					t.Errorf("want the variable refused: %v, got %v and:\n%s", !c.sent, check, text)
				}
				if !c.sent && !strings.Contains(check.Error(), strings.TrimSuffix(variable, "ENDPOINT")) {
					t.Errorf("want %s named, got %v", variable, check)
				}
			})
		}
	}
}

// TestUnsupportedVariablesChangeNothing sets variables that the exporters read themselves and that squarewatch does not support.
func TestUnsupportedVariablesChangeNothing(t *testing.T) {
	for name, start := range transports() {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
			c, logs := newCollector(), &logBuffer{}
			all, err := otel.New(t.Context(), otel.Options{Settings: otel.Settings{OTLP: start(t, c), KeepHealthy: 1}, Logger: logs.logger()})
			if err != nil {
				t.Fatal(err)
			}
			recordAll(all.Recorder())
			if err := errors.Join(all.Flush(t.Context()), all.Shutdown(t.Context())); err != nil {
				t.Error(err)
			}
			if c.spans["probe feed"] != 1 || !c.metrics["go.memory.allocated"] || len(c.deltas) > 0 {
				t.Errorf("want protobuf and cumulative metrics, got %v, %v and delta %v; logged:\n%s", c.spans, c.metrics, c.deltas, logs)
			}
		})
	}
}
