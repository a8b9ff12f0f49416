package collector

import (
	"cmp"
	"slices"
	"strings"
)

// SendsTraces reports whether spans go to a collector, by the settings and by the variables of the OpenTelemetry specification
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/), and if not, why and what to do.
func (o *OTLP) SendsTraces(env func(string) string) (sent bool, why string) {
	list, err := o.Destinations(env)
	if slices.ContainsFunc(list, func(d Destination) bool { return d.Signal == SignalTraces }) {
		return true, ""
	}
	env = trimmed(env)
	switch {
	case strings.EqualFold(env("OTEL_SDK_DISABLED"), "true"):
		return false, "OTEL_SDK_DISABLED is true; unset it"
	case strings.EqualFold(env("OTEL_TRACES_EXPORTER"), "none"):
		return false, "OTEL_TRACES_EXPORTER is none; unset it"
	case err != nil && cmp.Or(o.Endpoint, env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), env("OTEL_EXPORTER_OTLP_ENDPOINT")) != "":
		return false, "the settings of the collector cannot be used; correct what squarewatch check says of them"
	}
	return false, "no collector is configured; write telemetry: {otlp: {endpoint: http://127.0.0.1:4317}}, the address of a Jaeger for example"
}
