package otel_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"squarewatch/otel"
	"squarewatch/otel/collector"
)

// TestTheLocationOfAHost looks for the name of the place in traces and on the metrics page. Without a name, neither has the attribute.
func TestTheLocationOfAHost(t *testing.T) {
	for name, labels := range map[string]int{"": 0, "fra": 1} {
		r := &received{headers: map[string]http.Header{}, resource: map[string]string{}, span: map[string]string{}, record: map[string]string{}}
		server := httptest.NewServer(r)
		all, err := otel.New(t.Context(), otel.Options{
			Settings: otel.Settings{OTLP: collector.OTLP{Endpoint: server.URL, Protocol: "http/protobuf"}, KeepHealthy: 1}, Location: name,
		})
		if err != nil {
			t.Fatal(err)
		}
		recordAll(all.Recorder())
		page := scrape(t, all.Metrics(), "text/plain")
		shutDown(t, all)
		server.Close()
		if got := r.resource["squarewatch.location"]; got != name {
			t.Errorf("want %q in the resource of the spans, got %q", name, got)
		}
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, "squarewatch_probe_") && strings.Count(line, `squarewatch_location="fra"`) != labels {
				t.Errorf("location %q: got %s", name, line)
			}
		}
	}
}
