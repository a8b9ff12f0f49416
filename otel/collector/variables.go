package collector

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// parseHeaders reads what a variable says of headers: name=value,name=value, where values may be escaped as in URLs. An error
// tells nothing of what is in it, as even the name of a header may be a key in the wrong place.
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
			return nil, fmt.Errorf("header number %d is not written as name=value; write a comma as %%2C and a percent sign as %%25 in values", i+1)
		}
		headers[name] = strings.TrimSpace(value)
	}
	return headers, nil
}

// IgnoredVariables returns a remark on each variable that asks for something other than squarewatch does. By the
// specification what is not known is ignored, and said.
func IgnoredVariables(env func(string) string) []string {
	env = trimmed(env)
	var remarks []string
	for _, signal := range []string{SignalTraces, SignalMetrics, SignalLogs} {
		known := []string{"otlp", "none"}
		if signal == SignalMetrics {
			known = append(known, "prometheus") // which is always there, at /metrics
		}
		for _, exporter := range exporters(env, signal) {
			if exporter != "" && !slices.Contains(known, exporter) {
				remarks = append(remarks, fmt.Sprintf("OTEL_%s_EXPORTER names %q, which is ignored: it may be %s", strings.ToUpper(signal), exporter, strings.Join(known, ", ")))
			}
		}
	}
	return append(remarks, unreadable(env)...)
}

// unreadable returns a remark on each variable of an exporter that says something nobody can make use of.
func unreadable(env func(string) string) (remarks []string) {
	for _, part := range []string{"", "_TRACES", "_METRICS", "_LOGS"} {
		timeout, compression := "OTEL_EXPORTER_OTLP"+part+"_TIMEOUT", "OTEL_EXPORTER_OTLP"+part+"_COMPRESSION"
		if _, ok := milliseconds(env(timeout)); !ok && env(timeout) != "" {
			remarks = append(remarks, timeout+" is no number of milliseconds above zero, and ignored")
		}
		if !slices.Contains([]string{"", "gzip", "none"}, env(compression)) {
			remarks = append(remarks, compression+" is neither gzip nor none, and read as none")
		}
	}
	return remarks
}

// exporters returns, in small letters, what a variable names for a signal.
func exporters(env func(string) string, signal string) []string {
	names := strings.Split(strings.ToLower(env("OTEL_"+strings.ToUpper(signal)+"_EXPORTER")), ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
	}
	return names
}

// trimmed returns env without the spaces around its values, which the exporters leave out, too.
func trimmed(env func(string) string) func(string) string {
	return func(name string) string { return strings.TrimSpace(env(name)) }
}
