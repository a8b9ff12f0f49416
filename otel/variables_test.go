package otel_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"squarewatch/otel"

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
		"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_EXPORTER_OTLP_PROTOCOL": otel.ProtocolHTTP,
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

func TestVariablesThatAskForSomethingElseAreNamed(t *testing.T) {
	env := map[string]string{
		"OTEL_TRACES_EXPORTER": "otlp, console", "OTEL_METRICS_EXPORTER": "prometheus,OTLP", "OTEL_LOGS_EXPORTER": "zipkin",
		"OTEL_EXPORTER_OTLP_TIMEOUT": "10s", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": " 5000 ", "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "9223372036854775807",
		"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip", "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION": "zstd",
	}
	got := otel.IgnoredVariables(func(name string) string { return env[name] })
	want := []string{
		`OTEL_TRACES_EXPORTER names "console", which is ignored: it may be otlp, none`,
		`OTEL_LOGS_EXPORTER names "zipkin", which is ignored: it may be otlp, none`,
		"OTEL_EXPORTER_OTLP_TIMEOUT is no number of milliseconds above zero, and ignored",
		"OTEL_EXPORTER_OTLP_METRICS_COMPRESSION is neither gzip nor none, and read as none",
		"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT is no number of milliseconds above zero, and ignored",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHeadersOfAVariable(t *testing.T) {
	got, err := otel.ParseHeaders(" x-a = b%20c ,authorization=Basic eHg=,,empty=,")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"x-a": "b c", "authorization": "Basic eHg=", "empty": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
