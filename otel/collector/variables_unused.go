package collector

import "strings"

// unusedVariables returns the variables of the specification that squarewatch does not read, each with what squarewatch does instead.
func unusedVariables() [][2]string {
	const (
		sampler = "telemetry.keep_healthy says which traces are kept"
		spool   = "telemetry.spool limits the spans that wait"
		soon    = "spans are sent after 200 ms at most, so that few are lost in a crash"
		scheme  = "the endpoint begins with http:// or https://"
		few     = "the spans have only a few of them"
		file    = "the settings are in telemetry in the file of squarewatch"
		listen  = "the address of /metrics is the key listen"
	)
	return [][2]string{
		{"OTEL_TRACES_SAMPLER", sampler},
		{"OTEL_TRACES_SAMPLER_ARG", sampler},
		{"OTEL_PROPAGATORS", "a request carries traceparent, and no baggage"},
		{"OTEL_LOG_LEVEL", "squarewatch always logs what people need to know"},
		{"OTEL_BSP_SCHEDULE_DELAY", soon},
		{"OTEL_BSP_EXPORT_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT limits one request"},
		{"OTEL_BSP_MAX_QUEUE_SIZE", spool},
		{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", soon},
		{"OTEL_BLRP_SCHEDULE_DELAY", "log lines are sent after 200 ms at most"},
		{"OTEL_SPAN_EVENT_COUNT_LIMIT", few},
		{"OTEL_SPAN_LINK_COUNT_LIMIT", few},
		{"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", few},
		{"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", few},
		{"OTEL_METRICS_EXEMPLAR_FILTER", "the exemplars of squarewatch are kept traces"},
		{"OTEL_EXPORTER_OTLP_INSECURE", scheme},
		{"OTEL_EXPORTER_OTLP_TRACES_INSECURE", scheme},
		{"OTEL_EXPORTER_OTLP_METRICS_INSECURE", scheme},
		{"OTEL_EXPORTER_OTLP_LOGS_INSECURE", scheme},
		{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "metrics are cumulative"},
		{"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "histograms are exponential"},
		{"OTEL_EXPORTER_PROMETHEUS_HOST", listen},
		{"OTEL_EXPORTER_PROMETHEUS_PORT", listen},
		{"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "traces are sent by OTLP only"},
		{"OTEL_EXPORTER_ZIPKIN_TIMEOUT", "traces are sent by OTLP only"},
		{"OTEL_CONFIG_FILE", file},
		{"OTEL_EXPERIMENTAL_CONFIG_FILE", file},
	}
}

// unusedWarnings returns a sentence about each variable that is set and not read. It leaves out a variable whose value asks for what
// squarewatch does anyway.
func unusedWarnings(env func(string) string) (warnings []string) {
	for _, v := range unusedVariables() {
		name, instead := v[0], v[1]
		switch value := env(name); {
		case value == "", strings.HasSuffix(name, "_INSECURE") && strings.EqualFold(value, "false"):
		case name == "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE" && strings.EqualFold(value, "cumulative"):
		case name == "OTEL_TRACES_SAMPLER" && (value == "always_on" || value == "parentbased_always_on"):
		default:
			warnings = append(warnings, name+" is not read: "+instead)
		}
	}
	return warnings
}
