package collector_test

import (
	"net/url"
	"strings"
	"testing"

	"squarewatch/otel/collector"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http/httpguts"
)

func TestIgnoredVariables(t *testing.T) {
	env := map[string]string{
		"OTEL_TRACES_EXPORTER": "otlp, console", "OTEL_METRICS_EXPORTER": "prometheus,OTLP", "OTEL_LOGS_EXPORTER": "zipkin",
		"OTEL_EXPORTER_OTLP_TIMEOUT": "10s", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": " 5000 ",
		"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "0", // no limit
		"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT":    "9223372036854775807",
		"OTEL_EXPORTER_OTLP_COMPRESSION":     "gzip", "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION": "zstd",
		"OTEL_SDK_DISABLED": "1", "OTEL_EXPORTER_OTLP_INSECURE": "false",
		"OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_SAMPLER_ARG": "0.1",
	}
	got := collector.IgnoredVariables(func(name string) string { return env[name] })
	want := []string{
		`OTEL_TRACES_EXPORTER names "console", which is ignored: it may be otlp, none`,
		`OTEL_LOGS_EXPORTER names "zipkin", which is ignored: it may be otlp, none`,
		"OTEL_SDK_DISABLED is neither true nor false, and is read as false",
		"OTEL_EXPORTER_OTLP_TIMEOUT is not a number of milliseconds, and is ignored",
		"OTEL_EXPORTER_OTLP_METRICS_COMPRESSION is neither gzip nor none, and is read as none",
		"OTEL_EXPORTER_OTLP_LOGS_TIMEOUT is not a number of milliseconds, and is ignored",
		"OTEL_TRACES_SAMPLER_ARG is not read: telemetry.keep_healthy says which traces are kept",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseHeaders(t *testing.T) {
	got, err := collector.ParseHeaders(" x-a = b%20c ,authorization=Basic eHg=,,empty=,")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"x-a": "b c", "authorization": "Basic eHg=", "empty": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzVariables reads variables as a person may set them. What is sent has an address and headers that HTTP allows, and no sentence about
// the variables repeats a header, which may be a key.
func FuzzVariables(f *testing.F) {
	const key = "hush-7f3a9b"
	f.Add("http://127.0.0.1:4318", "authorization=Bearer%20", "grpc", "10s", "zipkin")
	f.Add("https://collector.example/%zz", "a=b,=", "http/protobuf", "-1", "none")
	f.Add("://", "\x00", "http/json", "18446744073709551616", "OTLP, console")
	f.Fuzz(func(t *testing.T, endpoint, headers, protocol, timeout, exporter string) {
		env := map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_HEADERS": headers + key, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
			"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": timeout, "OTEL_METRICS_EXPORTER": exporter,
		}
		read := func(name string) string { return env[name] }
		settings := &collector.OTLP{Logs: true}
		all, err := settings.Destinations(read)
		said := append(settings.Mismatches(read), collector.IgnoredVariables(read)...)
		if err != nil {
			said = append(said, err.Error())
		}
		for _, sentence := range said {
			if strings.Contains(sentence, key) {
				t.Errorf("the key is in %q", sentence)
			}
		}
		for i := range all {
			if u, err := url.Parse(all[i].URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				t.Errorf("want an address, got %q", all[i].URL)
			}
		}
		parsed, _ := collector.ParseHeaders(headers) // none with an error
		for name, value := range parsed {
			if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
				t.Errorf("%q: %q is not a header", name, value)
			}
		}
	})
}
