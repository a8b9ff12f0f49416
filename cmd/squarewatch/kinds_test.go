package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/config"
	"squarewatch/probe"
)

// TestNotifiersShowTracesOnlyWithACollector sends an incident through each kind of notifier, with and without a collector.
func TestNotifiersShowTracesOnlyWithACollector(t *testing.T) {
	var sent string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		sent += string(text)
		_, _ = io.WriteString(w, "ok")
	}))
	defer server.Close()
	trace := probe.TraceID{1, 2, 3}
	notification := outbox.Notification{
		ID: "1", Notifier: "ops", At: time.Now(), Event: alert.EventFiring,
		Incident: alert.Incident{
			ID: "1", Rule: "server-errors", Series: "feed", Per: alert.PerProbe, Condition: alert.ConditionRate, Since: time.Now(),
			Classes:  []alert.ClassCount{{Class: probe.ServerError, Code: 500, Runs: 8}},
			Examples: []alert.Example{{Probe: "feed", At: time.Now(), Class: probe.ServerError, Code: 500, Trace: trace}},
		},
	}
	for collector, want := range map[string]bool{"": false, "otlp: {endpoint: 'http://127.0.0.1:4317'}, ": true} {
		file := "target: https://api.aisquare.studio\ncatalogue: [feed]\ntelemetry: {" + collector +
			"trace_url: 'http://127.0.0.1:16686/trace/{trace_id}'}\n" +
			"notifiers:\n  slack: {slack: {webhook_url: '" + server.URL + "'}}\n  team: {alertmanager: {url: '" + server.URL + "'}}\n"
		cfg, err := config.Parse("squarewatch.yaml", []byte(file), config.Options{Kinds: kinds()})
		if err != nil {
			t.Fatal(err)
		}
		for name, settings := range cfg.Notifiers {
			notifier, err := settings.Build(cfg)
			if err != nil {
				t.Fatal(err)
			}
			sent = ""
			if _, err := notifier.Deliver(t.Context(), notification); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(sent, trace.String()) != want {
				t.Errorf("%s with telemetry %q: want a trace named %v, got %s", name, collector, want, sent)
			}
		}
	}
}
