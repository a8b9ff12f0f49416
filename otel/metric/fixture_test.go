package metric_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"squarewatch/otel/metric"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"
)

// phases are the keys of a probe in the histogram of phases.
func phases() []string { return []string{"dns", "connect", "tls", "send", "wait", "receive"} }

type phaseKey struct{ probe, phase string }

// fixture is a registry with one metric of each kind.
type fixture struct {
	registry *metric.Registry
	runs     *metric.Counter[string]
	duration *metric.Histogram[string]
	phase    *metric.Histogram[phaseKey]
	lateness *metric.Histogram[struct{}]
	probes   []string // have a value of the gauges
}

func probeAttribute(name string) []attribute.KeyValue {
	return []attribute.KeyValue{attribute.String("probe", name)}
}

func newFixture() *fixture {
	return newFixtureOf(metric.NewRegistry(instrumentation.Scope{Name: "squarewatch"}))
}

func newFixtureOf(registry *metric.Registry) *fixture {
	f := &fixture{registry: registry}
	bounds := []float64{0.005, 0.01, 0.05, 0.1, 0.5, 1, 5}
	up := &metric.Descriptor{Name: "squarewatch.probe.up", Description: "Up."}
	expiry := &metric.Descriptor{Name: "squarewatch.probe.certificate.expiry", Unit: "s", Description: "Expiry."}
	f.runs = metric.NewCounter(f.registry,
		metric.Descriptor{Name: "squarewatch.probe.runs", Unit: "{run}", Description: "Runs."}, probeAttribute)
	metric.NewCounterFunc(f.registry, metric.Descriptor{Name: "squarewatch.spool.dropped", Unit: "{span}", Description: "Dropped."},
		func() int64 { return 7 })
	metric.NewGauges(f.registry, []*metric.Descriptor{up, expiry}, func(observe metric.Observe) {
		for _, name := range f.probes {
			observe(up, 1, probeAttribute(name)...)
			observe(expiry, 1000, probeAttribute(name)...)
		}
	})
	f.duration = metric.NewHistogram(f.registry,
		metric.Descriptor{Name: "squarewatch.probe.duration", Unit: "s", Description: "Durations.", Bounds: bounds}, probeAttribute)
	f.phase = metric.NewHistogram(f.registry,
		metric.Descriptor{Name: "squarewatch.probe.phase.duration", Unit: "s", Description: "Phases.", Bounds: bounds},
		func(k phaseKey) []attribute.KeyValue {
			return append(probeAttribute(k.probe), attribute.String("phase", k.phase))
		})
	f.lateness = metric.NewHistogram(f.registry,
		metric.Descriptor{Name: "squarewatch.schedule.lateness", Unit: "s", Description: "Lateness.", Bounds: bounds},
		func(struct{}) []attribute.KeyValue { return nil })
	return f
}

// run records one run of a probe in every metric.
func (f *fixture) run(ctx context.Context, probe string) {
	f.runs.Add(ctx, probe, 1)
	f.duration.Record(ctx, probe, 0.1)
	for _, phase := range phases() {
		f.phase.Record(ctx, phaseKey{probe: probe, phase: phase}, 0.01)
	}
	f.lateness.Record(ctx, struct{}{}, 0.002)
}

// runMany records one run of many probes.
func (f *fixture) runMany(ctx context.Context) {
	f.probes = probeNames(manySeries)
	for _, name := range f.probes {
		f.run(ctx, name)
	}
}

func probeNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("p%d", i)
	}
	return names
}

// page returns the fixture's page as an HTTP handler.
func (f *fixture) page(tb testing.TB) http.Handler {
	tb.Helper()
	handler, _, err := metric.NewPage(f.registry, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	return handler
}

func scrape(t *testing.T, handler http.Handler, accept string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", accept)
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, request)
	if response.Code != http.StatusOK {
		t.Fatalf("want 200, got %d: %s", response.Code, response.Body)
	}
	return response
}

// sampled returns a context in a sampled trace.
func sampled(ctx context.Context, id byte) context.Context {
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{id}, SpanID: trace.SpanID{id}, TraceFlags: trace.FlagsSampled,
	}))
}

// export returns all metrics as they are exported, by name. Each batch must be copied, because the next batch reuses its memory.
func (f *fixture) export(t *testing.T) map[string][]metricdata.Aggregation {
	t.Helper()
	all := map[string][]metricdata.Aggregation{}
	err := f.registry.Export(t.Context(), nil, func(_ context.Context, part *metricdata.ResourceMetrics) error {
		m := part.ScopeMetrics[0].Metrics[0]
		all[m.Name] = append(all[m.Name], copied(m.Data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func copied(data metricdata.Aggregation) metricdata.Aggregation {
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		data.DataPoints = append([]metricdata.DataPoint[int64]{}, data.DataPoints...)
		return data
	case metricdata.Gauge[float64]:
		data.DataPoints = append([]metricdata.DataPoint[float64]{}, data.DataPoints...)
		return data
	case metricdata.ExponentialHistogram[float64]:
		data.DataPoints = append([]metricdata.ExponentialHistogramDataPoint[float64]{}, data.DataPoints...)
		return data
	}
	return data
}

// nextMinute lets a minute pass in a synctest bubble.
func nextMinute() { <-time.After(time.Minute) }
