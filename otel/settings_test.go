package otel_test

import (
	"strings"
	"testing"

	"squarewatch/config/secret"
	"squarewatch/otel"
)

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*otel.Settings)
		want   string // part of the message; empty for none
	}{
		"defaults": {func(*otel.Settings) {}, ""},
		"all": {func(s *otel.Settings) {
			s.OTLP.Endpoint, s.TraceURL = "http://127.0.0.1:4317", "http://127.0.0.1:16686/trace/{trace_id}"
		}, ""},
		"path over http": {func(s *otel.Settings) {
			s.OTLP = otel.OTLP{Endpoint: "https://otlp.example.com/otlp", Protocol: otel.ProtocolHTTP}
		}, ""},
		"path over grpc": {func(s *otel.Settings) {
			s.OTLP = otel.OTLP{Endpoint: "https://otlp.example.com/otlp", Protocol: "grpc"}
		}, "otlp.endpoint has a path"},
		"no scheme":               {func(s *otel.Settings) { s.OTLP.Endpoint = "collector:4317" }, "otlp.endpoint is no http"},
		"no url":                  {func(s *otel.Settings) { s.OTLP.Endpoint = "http://me:hunter2@[" }, "otlp.endpoint is no URL"},
		"password":                {func(s *otel.Settings) { s.OTLP.Endpoint = "http://me:hunter2@collector:4317" }, "holds a user or a password"},
		"password without scheme": {func(s *otel.Settings) { s.OTLP.Endpoint = "me:hunter2@collector:4317" }, "otlp.endpoint is no http"},
		"key in a query":          {func(s *otel.Settings) { s.OTLP.Endpoint = "ftp://c/?k=hunter2" }, "otlp.endpoint is no http"},
		"protocol":                {func(s *otel.Settings) { s.OTLP.Protocol = "udp" }, `otlp.protocol is "udp"`},
		"half a pair": {func(s *otel.Settings) {
			s.OTLP.Endpoint, s.OTLP.ClientKey = "https://collector:4317", "/key.pem"
		}, "otlp.client_certificate and client_key belong together"},
		"certificates in clear": {func(s *otel.Settings) {
			s.OTLP.Endpoint, s.OTLP.CA = "http://collector:4317", "/ca.pem"
		}, "otlp.endpoint is not encrypted"},
		"bad header": {func(s *otel.Settings) {
			s.OTLP.Headers = map[string]secret.Text{"Bad Name": secret.New("hunter2")}
		}, `otlp.headers has "Bad Name"`},
		"bad value": {func(s *otel.Settings) {
			s.OTLP.Headers = map[string]secret.Text{"X-Key": secret.New("hunter2\nx")}
		}, `otlp.headers has "X-Key"`},
		"no placeholder": {func(s *otel.Settings) { s.TraceURL = "http://127.0.0.1:16686/" }, "trace_url holds no {trace_id}"},
		"no web page":    {func(s *otel.Settings) { s.TraceURL = "ftp://x/{trace_id}" }, "trace_url is no address"},
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
		if strings.Contains(got, "hunter2") {
			t.Errorf("%s: want no password in the message, got %q", name, got)
		}
	}
}
