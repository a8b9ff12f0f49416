package metric_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"squarewatch/otel/metric"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// TestEverySeriesHasTheCommonAttributes looks at a counter, gauges and histograms, on the page and in an export.
func TestEverySeriesHasTheCommonAttributes(t *testing.T) {
	f := newFixtureOf(metric.NewRegistry(instrumentation.Scope{Name: "squarewatch"}, attribute.String("squarewatch.location", "fra")))
	f.probes = []string{"feed"}
	f.run(t.Context(), "feed")
	text, err := io.ReadAll(scrape(t, f.page(t), "text/plain").Body)
	if err != nil {
		t.Fatal(err)
	}
	series := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "squarewatch_") {
			continue
		}
		if series++; strings.Count(line, `squarewatch_location="fra"`) != 1 {
			t.Errorf("want the label once, got %s", line)
		}
	}
	points := 0
	err = f.registry.Export(t.Context(), nil, func(_ context.Context, part *metricdata.ResourceMetrics) error {
		for _, set := range attributesOf(part.ScopeMetrics[0].Metrics[0].Data) {
			if value, _ := set.Value("squarewatch.location"); value.AsString() != "fra" {
				t.Errorf("want the attribute, got %v", set.ToSlice())
			}
			points++
		}
		return nil
	})
	if err != nil || points < 6 || series < points {
		t.Errorf("want at least one point of each of six metrics, got %d, and %d lines; %v", points, series, err)
	}
}

// attributesOf returns the attributes of each data point.
func attributesOf(data metricdata.Aggregation) (all []attribute.Set) {
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			all = append(all, p.Attributes)
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			all = append(all, p.Attributes)
		}
	case metricdata.ExponentialHistogram[float64]:
		for _, p := range data.DataPoints {
			all = append(all, p.Attributes)
		}
	}
	return all
}
