package config_test

import (
	"strings"
	"testing"

	"squarewatch/config"
)

// warnings returns the warnings about a valid file, with the given environment variables.
func warnings(t *testing.T, text string, environment map[string]string) (*config.Config, string) {
	t.Helper()
	cfg, err := config.Parse("squarewatch.yaml", []byte("target: https://api.aisquare.studio\n"+text), config.Options{
		Kinds: kinds(), Environ: func(name string) (string, bool) { value, ok := environment[name]; return value, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, w := range cfg.Warnings {
		all.WriteString(w.String() + "\n")
	}
	return cfg, all.String()
}

func TestWarningForAnswersThatNoRuleCounts(t *testing.T) {
	const probes = "probes: [{name: a, path: /}, {name: b, path: /b}, {name: guard, path: /c, expect: {status: [401]}}]\n"
	for _, test := range []struct {
		rules, want string // empty for no warning
	}{
		{"", ""},
		{"rules: [{name: r, on: [5xx, 401]}]", ""},
		{"rules: [{name: r, on: [unexpected]}]", ""},
		{"rules: [{name: r, on: [server_error, unauthenticated], per: credential}]", ""},
		{"rules: [{name: r, on: [5xx]}]", "rules: no rule counts 401 of a, b, so that such answers raise no alert; the rules of a file " +
			"replace the default ones"},
		{"rules: [{name: r, on: [401]}]", "no rule counts 5xx of a, b, guard, so"},
		{"rules: [{name: r, on: [500, 401]}]", "no rule counts 502, 503, 504 of a, b, guard, so"},
		{"rules: [{name: r, on: [5xx, 401], probes: [a]}]", "no rule counts 401 of b, so"},
		{
			"rules: [{name: r, on: [5xx, 401], probes: [a, guard]}]",
			"no rule counts 5xx, 401 of b, so that such answers raise no alert; the rules of a file replace the default ones (server-errors, " +
				"unauthenticated and unreachable); add a rule with on: [5xx, 401] for these probes",
		},
		{"rules: []", "no rule counts 401 of a, b, so"},
	} {
		_, got := warnings(t, probes+test.rules, nil)
		if strings.Contains(got, "no rule counts") != (test.want != "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: want %q, got\n%s", test.rules, test.want, got)
		}
	}
}

func TestWarningForTracesThatAreNotExported(t *testing.T) {
	const endpoint, variable = "telemetry: {otlp: {endpoint: http://127.0.0.1:4317}}", "OTEL_EXPORTER_OTLP_ENDPOINT"
	for _, test := range []struct {
		name, file  string
		environment map[string]string
		want        string // empty when traces are exported
	}{
		{"nothing", "", nil, "1:1: telemetry.otlp: traces are not exported, so messages link to none: no collector is configured; write " +
			"telemetry: {otlp: {endpoint"},
		{"the file", endpoint, nil, ""},
		{"a variable", "", map[string]string{variable: "http://127.0.0.1:4317"}, ""},
		{"a variable of traces", "", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4317"}, ""},
		{"a variable of metrics", "", map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:4317"}, "no collector is"},
		{"no exporter", endpoint, map[string]string{"OTEL_TRACES_EXPORTER": "none"}, "OTEL_TRACES_EXPORTER is none; unset it"},
		{"no SDK", endpoint, map[string]string{"OTEL_SDK_DISABLED": "true"}, "OTEL_SDK_DISABLED is true; unset it"},
		{"a wrong address", "", map[string]string{variable: "127.0.0.1:4317"}, "the settings of the collector cannot be used"},
	} {
		cfg, got := warnings(t, test.file, test.environment)
		if cfg.Traced != (test.want == "") || strings.Contains(got, "traces are not exported") != (test.want != "") || !strings.Contains(got,
			test.want) {
			t.Errorf("%s: want %q, got traced %v and\n%s", test.name, test.want, cfg.Traced, got)
		}
	}
	if _, got := warnings(t, "telemetry: {trace_url: 'http://127.0.0.1:16686/trace/{trace_id}'}", nil); !strings.Contains(got,
		"telemetry.trace_url: has no effect") {
		t.Errorf("want a warning that trace_url has no effect, got\n%s", got)
	}
}
