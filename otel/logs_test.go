package otel_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"squarewatch/alert"
	"squarewatch/config/secret"
	"squarewatch/otel"
)

// TestLogsGoToTheCollector logs an alert in its own trace, with a secret among its attributes.
func TestLogsGoToTheCollector(t *testing.T) {
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
			logger.With("rule", "server-errors").WarnContext(ctx, "an alert changed", "key", secret.New("hunter2"), "torn", "half a \xc3")
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
			if text := r.String(); strings.Contains(text, "hunter2") || !strings.Contains(text, "server-errors") || !strings.Contains(text, "<hidden>") || !strings.Contains(text, "half a") {
				t.Errorf("want all attributes and the secret hidden, got %s", text)
			}
			if got := local.String(); !strings.Contains(got, "an alert changed") {
				t.Errorf("want the line here as well, got %q", got)
			}
		})
	}
}

func TestLogsStayHereUnlessAskedFor(t *testing.T) {
	local := (&logBuffer{}).logger()
	all := telemetry(t)
	if got := all.Logger(local); got != local {
		t.Error("want the same logger, got another")
	}
}
