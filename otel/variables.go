package otel

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

// ignoredVariables returns a remark on each variable that asks for something other than squarewatch does. By the
// specification what is not known is ignored, and said.
func ignoredVariables(env func(string) string) []string {
	var remarks []string
	for _, signal := range []string{signalTraces, signalMetrics, signalLogs} {
		known := []string{"otlp", "none"}
		if signal == signalMetrics {
			known = append(known, "prometheus") // which is always there, at /metrics
		}
		name := "OTEL_" + strings.ToUpper(signal) + "_EXPORTER"
		for exporter := range strings.SplitSeq(env(name), ",") {
			exporter = strings.TrimSpace(exporter)
			if exporter != "" && !slices.Contains(known, strings.ToLower(exporter)) {
				remarks = append(remarks, fmt.Sprintf("%s names %q, which is ignored: it may be %s", name, exporter, strings.Join(known, ", ")))
			}
		}
	}
	return remarks
}
