package otel_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"squarewatch/otel"
	"squarewatch/otel/collector"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// TestVariablesReachTheCollector holds that what the variables say of us and of compression is what a collector sees.
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
			t.Errorf("no spans in it: %v", err)
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
	feed(all.Recorder())
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
