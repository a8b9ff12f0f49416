package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"squarewatch/alert"
)

// uncounted warns when no rule counts the server errors or refused credentials of a probe, which are squarewatch's purpose.
func (r *reader) uncounted(document *yaml.Node, raw *file, cfg *Config) {
	for _, group := range alert.NotCounted(cfg.Rules, cfg.Probes, "5xx", "401") {
		outcomes := strings.Join(group.Outcomes, ", ")
		text := fmt.Sprintf("no rule counts %s of %s, so that such answers raise no alert", outcomes, Shortened(group.Probes))
		if raw.Rules != nil {
			text += "; the rules of a file replace the default ones (server-errors, unauthenticated and unreachable)"
		}
		r.warn(locate(document, "rules"), "rules", fmt.Sprintf("%s; add a rule with on: [%s] for these probes", text, outcomes))
	}
}

// traces determines whether spans are exported, and warns when they are not, since a trace identifier is then useless.
func (r *reader) traces(document *yaml.Node, cfg *Config, environ func(string) (string, bool)) {
	env := func(name string) string {
		value, _ := environ(name)
		return value
	}
	for _, warning := range cfg.Telemetry.OTLP.Mismatches(env) {
		r.warn(locate(document, "telemetry.otlp"), "telemetry.otlp", warning)
	}
	sent, why := cfg.Telemetry.OTLP.SendsTraces(env)
	if cfg.Traced = sent; sent {
		return
	}
	r.warn(locate(document, "telemetry.otlp"), "telemetry.otlp", "traces are not exported, so messages link to none: "+why)
	if cfg.Telemetry.TraceURL != "" {
		r.warn(locate(document, "telemetry.trace_url"), "telemetry.trace_url", "has no effect, since traces are not exported")
	}
}
