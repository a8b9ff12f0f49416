package otel_test

import (
	"strings"
	"testing"

	"squarewatch/otel"
)

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*otel.Settings)
		want   string // part of the message; empty for no error
	}{
		"defaults": {change: func(*otel.Settings) {}},
		"all": {change: func(s *otel.Settings) {
			s.OTLP.Endpoint, s.TraceURL = "http://127.0.0.1:4317", "http://127.0.0.1:16686/trace/{trace_id}"
		}},
		"otlp":           {change: func(s *otel.Settings) { s.OTLP.Endpoint = "collector:4317" }, want: "otlp.endpoint is not an http"},
		"no placeholder": {change: func(s *otel.Settings) { s.TraceURL = "http://127.0.0.1/" }, want: "trace_url does not contain {trace_id}"},
		"not a web page": {change: func(s *otel.Settings) { s.TraceURL = "ftp://x/{trace_id}" }, want: "trace_url is not the address"},
	} {
		settings := otel.DefaultSettings()
		c.change(&settings)
		got := ""
		if err := settings.Validate(); err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%s: want %q, got %q", name, c.want, got)
		}
	}
}
