package collector

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// parseHeaders parses the value of a headers variable: name=value,name=value, with values escaped as in URLs
// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables). Its error repeats nothing
// of the value: even a header name may be a key in the wrong place.
func parseHeaders(list string) (map[string]string, error) {
	headers := map[string]string{}
	for i, member := range strings.Split(list, ",") {
		if strings.TrimSpace(member) == "" {
			continue
		}
		name, value, found := strings.Cut(member, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(value)
		if !found || err != nil || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("header number %d is not name=value; write a comma as %%2C and a percent sign as %%25 in values", i+1)
		}
		headers[name] = strings.TrimSpace(value)
	}
	return headers, nil
}

// IgnoredVariables returns a sentence about each variable that asks for something that squarewatch does not do. The specification wants
// such values ignored with a warning (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#enum).
func IgnoredVariables(env func(string) string) []string {
	env = trimmed(env)
	var warnings []string
	for _, signal := range []string{SignalTraces, SignalMetrics, SignalLogs} {
		supported := []string{"otlp", "none"}
		if signal == SignalMetrics {
			supported = append(supported, "prometheus") // metrics are always at /metrics
		}
		for _, name := range exporterNames(env, signal) {
			if name != "" && !slices.Contains(supported, name) {
				warnings = append(warnings, fmt.Sprintf("OTEL_%s_EXPORTER names %q, which is ignored: it may be %s",
					strings.ToUpper(signal), name, strings.Join(supported, ", ")))
			}
		}
	}
	return slices.Concat(warnings, invalidVariables(env), unusedWarnings(env))
}

// invalidVariables returns a sentence about each switch, timeout and compression variable that has an invalid value.
func invalidVariables(env func(string) string) (warnings []string) {
	if value := env("OTEL_SDK_DISABLED"); !slices.Contains([]string{"", "true", "false"}, strings.ToLower(value)) {
		warnings = append(warnings, "OTEL_SDK_DISABLED is neither true nor false, and is read as false")
	}
	for _, part := range []string{"", "_TRACES", "_METRICS", "_LOGS"} {
		timeout, compression := "OTEL_EXPORTER_OTLP"+part+"_TIMEOUT", "OTEL_EXPORTER_OTLP"+part+"_COMPRESSION"
		if _, ok := parseMilliseconds(env(timeout)); !ok && env(timeout) != "" {
			warnings = append(warnings, timeout+" is not a number of milliseconds, and is ignored")
		}
		if !slices.Contains([]string{"", "gzip", "none"}, env(compression)) {
			warnings = append(warnings, compression+" is neither gzip nor none, and is read as none")
		}
	}
	return warnings
}

// exporterNames returns the exporters that a variable names for a signal, in lower case.
func exporterNames(env func(string) string, signal string) []string {
	names := strings.Split(strings.ToLower(env("OTEL_"+strings.ToUpper(signal)+"_EXPORTER")), ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
	}
	return names
}

// trimmed returns env without spaces around its values. The exporters trim them too.
func trimmed(env func(string) string) func(string) string {
	return func(name string) string { return strings.TrimSpace(env(name)) }
}
