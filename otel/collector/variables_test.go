package collector_test

import (
	"testing"

	"squarewatch/otel/collector"

	"github.com/google/go-cmp/cmp"
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
