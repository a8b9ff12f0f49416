package collector_test

import (
	"strings"
	"testing"

	"squarewatch/config/secret"
	"squarewatch/otel/collector"
)

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		settings collector.OTLP
		want     string // part of the message; empty for no error
	}{
		"nothing":        {settings: collector.OTLP{}},
		"endpoint":       {settings: collector.OTLP{Endpoint: "http://127.0.0.1:4317"}},
		"path over HTTP": {settings: collector.OTLP{Endpoint: "https://otlp.example.com/otlp", Protocol: collector.ProtocolHTTP}},
		"path over gRPC": {
			settings: collector.OTLP{Endpoint: "https://otlp.example.com/otlp", Protocol: collector.ProtocolGRPC},
			want:     "otlp.endpoint has a path",
		},
		"no scheme":               {settings: collector.OTLP{Endpoint: "collector:4317"}, want: "otlp.endpoint is not an http"},
		"not a URL":               {settings: collector.OTLP{Endpoint: "http://me:hunter2@["}, want: "otlp.endpoint is not a URL"},
		"password":                {settings: collector.OTLP{Endpoint: "http://me:hunter2@collector:4317"}, want: "a user name or a password"},
		"password without scheme": {settings: collector.OTLP{Endpoint: "me:hunter2@collector:4317"}, want: "otlp.endpoint is not an http"},
		"key in a query":          {settings: collector.OTLP{Endpoint: "ftp://c/?k=hunter2"}, want: "otlp.endpoint is not an http"},
		"protocol":                {settings: collector.OTLP{Protocol: "udp"}, want: `otlp.protocol is "udp"`},
		"key without certificate": {
			settings: collector.OTLP{Endpoint: "https://collector:4317", ClientKey: "/key.pem"},
			want:     "otlp.client_certificate and client_key belong together",
		},
		"certificates without encryption": {
			settings: collector.OTLP{Endpoint: "http://collector:4317", CA: "/ca.pem"}, want: "otlp.endpoint is not encrypted",
		},
		"header name": {
			settings: collector.OTLP{Headers: map[string]secret.Text{"Bad Name": secret.New("hunter2")}},
			want:     `otlp.headers has "Bad Name"`,
		},
		"header value": {
			settings: collector.OTLP{Headers: map[string]secret.Text{"X-Key": secret.New("hunter2\nx")}}, want: `otlp.headers has "X-Key"`,
		},
	} {
		got := ""
		if err := c.settings.Validate(); err != nil {
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
