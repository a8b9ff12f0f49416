package otel

import (
	"fmt"
	"slices"
	"strings"
)

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
