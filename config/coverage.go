package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"squarewatch/alert"
)

// uncounted warns where no rule counts server errors or refused credentials of some probe: the two that squarewatch is there for.
func (r *reader) uncounted(document *yaml.Node, raw *file, cfg *Config) {
	for _, group := range alert.NotCounted(cfg.Rules, cfg.Probes, "5xx", "401") {
		outcomes := strings.Join(group.Outcomes, ", ")
		text := fmt.Sprintf("no rule counts %s of %s, so that such answers raise no alert", outcomes, Shortened(group.Probes))
		if raw.Rules != nil {
			text += "; the rules of a file take the place of the default ones (server-errors and unauthenticated)"
		}
		r.warn(locate(document, "rules"), "rules", fmt.Sprintf("%s; add a rule with on: [%s] for these probes", text, outcomes))
	}
}

// traces finds out whether spans go anywhere, and warns where they do not: nothing else can show what a message's trace identifier
// stands for.
func (r *reader) traces(document *yaml.Node, cfg *Config, environ func(string) (string, bool)) {
	env := func(name string) string {
		value, _ := environ(name)
		return value
	}
	sent, why := cfg.Telemetry.OTLP.SendsTraces(env)
	if cfg.Traced = sent; sent {
		return
	}
	r.warn(locate(document, "telemetry.otlp"), "telemetry.otlp", "traces go nowhere, so that messages show none: "+why)
	if cfg.Telemetry.TraceURL != "" {
		r.warn(locate(document, "telemetry.trace_url"), "telemetry.trace_url",
			"leads to no trace, since traces go nowhere; messages leave the link out")
	}
}
