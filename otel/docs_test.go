package otel_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"squarewatch/config/golden"
)

// TestTheTablesOfTheDocs compares the tables of metrics and spans in docs with what the recorder exports.
func TestTheTablesOfTheDocs(t *testing.T) {
	recorder, exporter, reader := newRecorder(t)
	recordAll(recorder)
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	golden.CheckSection(t, "../docs/metrics.md", "metrics", metricsTable(t, all), *update)
	golden.CheckSection(t, "../docs/traces.md", "spans", spansTable(exporter.GetSpans()), *update)
}

func metricsTable(t *testing.T, all metricdata.ResourceMetrics) string {
	t.Helper()
	exposed := exposedNames(t)
	var rows []string
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			kind, attributes := kindAndAttributes(t, m)
			unit := m.Unit
			if unit == "" {
				unit = "–"
			}
			name := exposed[m.Description]
			rows = append(rows, fmt.Sprintf("| `%s` | `%s` | %s, %s | %s | %s |\n", name, m.Name, kind, unit, attributes, m.Description))
		}
	}
	slices.Sort(rows)
	heading := "| at `/metrics` | over OTLP | kind, unit | attributes | meaning |\n| --- | --- | --- | --- | --- |\n"
	return heading + strings.Join(slices.Compact(rows), "")
}

// exposedNames returns the metric names of the Prometheus page, by description.
func exposedNames(t *testing.T) map[string]string {
	t.Helper()
	all := withSpool(t, unreachable(t), t.TempDir(), &logBuffer{})
	defer shutDown(t, all)
	recordAll(all.Recorder())
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(scrape(t, all.Metrics(), "text/plain")))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for name, f := range families {
		if f.GetType() != dto.MetricType_UNTYPED {
			names[f.GetHelp()] = name
		}
	}
	return names
}

func kindAndAttributes(t *testing.T, m metricdata.Metrics) (kind, attributes string) {
	t.Helper()
	keys := map[attribute.Key]bool{}
	add := func(set attribute.Set) {
		for _, a := range set.ToSlice() {
			keys[a.Key] = true
		}
	}
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		kind = "counter"
		for _, p := range data.DataPoints {
			add(p.Attributes)
		}
	case metricdata.Gauge[float64]:
		kind = "gauge"
		for _, p := range data.DataPoints {
			add(p.Attributes)
		}
	case metricdata.ExponentialHistogram[float64]:
		kind = "histogram"
		for _, p := range data.DataPoints {
			add(p.Attributes)
		}
	default:
		t.Errorf("%s: want a known kind of data, got %T", m.Name, m.Data)
	}
	return kind, keyList(keys)
}

func keyList(keys map[attribute.Key]bool) string {
	if len(keys) == 0 {
		return "–"
	}
	var list []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		list = append(list, "`"+string(key)+"`")
	}
	return strings.Join(list, ", ")
}

func spansTable(spans []tracetest.SpanStub) string {
	attributes := map[string]map[attribute.Key]bool{}
	for _, s := range spans {
		row := "| `" + spanName(s) + "` | " + s.SpanKind.String()
		if attributes[row] == nil {
			attributes[row] = map[attribute.Key]bool{}
		}
		for _, a := range s.Attributes {
			attributes[row][a.Key] = true
		}
		for _, e := range s.Events {
			for _, a := range e.Attributes {
				attributes[row][attribute.Key(e.Name+": ")+a.Key] = true
			}
		}
	}
	var table strings.Builder
	table.WriteString("| span | kind | attributes, also of events |\n| --- | --- | --- |\n")
	for _, row := range slices.Sorted(maps.Keys(attributes)) {
		table.WriteString(row + " | " + keyList(attributes[row]) + " |\n")
	}
	return table.String()
}

// spanName replaces the names that come from the configuration by a placeholder.
func spanName(s tracetest.SpanStub) string {
	first, _, _ := strings.Cut(s.Name, " ")
	switch {
	case first == "probe":
		return "probe NAME"
	case first == "credential":
		return "credential renew NAME"
	case first == "alert":
		return "alert RULE firing, resolved, ended"
	case s.SpanKind == trace.SpanKindClient && first != "squarewatch.look":
		return "METHOD /path/template"
	}
	return s.Name
}
