package otel_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"squarewatch/alert"
	"squarewatch/config/secret"
	"squarewatch/otel"
)

// TestLogsAreSentToTheCollector logs an alert in its trace, with a secret and an invalid text among its attributes.
func TestLogsAreSentToTheCollector(t *testing.T) {
	for name, start := range transports() {
		t.Run(name, func(t *testing.T) {
			c, local := newCollector(), &logBuffer{}
			settings := start(t, c)
			settings.Logs = true
			all, err := otel.New(t.Context(), otel.Options{Settings: otel.Settings{OTLP: settings, KeepHealthy: 1}, Logger: local.logger()})
			if err != nil {
				t.Fatal(err)
			}
			logger := all.Logger(local.logger())
			ctx := all.Recorder().Transition(transition(alert.EventFiring))
			logger.With("rule", "server-errors").WarnContext(ctx, "an alert changed", "key", secret.New("hunter2"), "invalid", "half a \xc3")
			if err := all.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			if err := all.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if len(c.logs) != 1 {
				t.Fatalf("want 1 record, got %v", c.logs)
			}
			r := c.logs[0]
			if r.GetBody().GetStringValue() != "an alert changed" || r.GetSeverityText() != "WARN" {
				t.Errorf("want the message and its level, got %v", r)
			}
			if got := hex.EncodeToString(r.GetTraceId()); len(got) != 32 || strings.Trim(got, "0") == "" {
				t.Errorf("want the trace of the alert, got %q", got)
			}
			text := r.String()
			for _, want := range []string{"server-errors", "<hidden>", "half a"} {
				if !strings.Contains(text, want) {
					t.Errorf("want %q among the attributes, got %s", want, text)
				}
			}
			if strings.Contains(text, "hunter2") {
				t.Errorf("want the secret hidden, got %s", text)
			}
			if got := local.String(); !strings.Contains(got, "an alert changed") {
				t.Errorf("want the line also in the local log, got %q", got)
			}
		})
	}
}

func TestLogsAreNotSentByDefault(t *testing.T) {
	local := (&logBuffer{}).logger()
	all := telemetry(t)
	if got := all.Logger(local); got != local {
		t.Error("want the same logger, got another")
	}
}

// TestACollectorIsAskedForEverySignal sends empty requests in both protocols. The collector must not record anything.
func TestACollectorIsAskedForEverySignal(t *testing.T) {
	for name, start := range transports() {
		t.Run(name, func(t *testing.T) {
			c := newCollector()
			settings := start(t, c)
			settings.Logs = true
			list, err := settings.Destinations(func(string) string { return "" })
			if err != nil || len(list) != 3 {
				t.Fatalf("want three destinations, got %d, %v", len(list), err)
			}
			for i := range list {
				if err := list[i].Ask(t.Context()); err != nil {
					t.Errorf("%s: %v", list[i].Signal, err)
				}
			}
			if len(c.logs)+len(c.spans)+len(c.metrics) > 0 {
				t.Errorf("want nothing received, got %v, %v and %v", c.logs, c.spans, c.metrics)
			}
		})
	}
}
