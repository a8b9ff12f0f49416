package otel_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/otel"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// TestProbeThatComesBackStartsAtZero removes a probe from the scope and adds it again: its totals start at zero, with a new start time.
func TestProbeThatComesBackStartsAtZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder, _, reader := newRecorder(t)
		startTimes := func() (counted, measured time.Time) {
			var all metricdata.ResourceMetrics
			if err := reader.Collect(t.Context(), &all); err != nil {
				t.Fatal(err)
			}
			for _, scope := range all.ScopeMetrics {
				for _, m := range scope.Metrics {
					switch data := m.Data.(type) {
					case metricdata.Sum[int64]:
						if m.Name == "squarewatch.probe.runs" {
							counted = data.DataPoints[0].StartTime
						}
					case metricdata.ExponentialHistogram[float64]:
						if m.Name == "squarewatch.probe.duration" {
							measured = data.DataPoints[0].StartTime
						}
					}
				}
			}
			return counted, measured
		}
		start := time.Now()
		recorder.Finished(run("collections", 1))
		<-time.After(time.Minute)
		recorder.SetScope(otel.Scope{})
		recorder.SetScope(otel.Scope{Probes: []string{"collections"}})
		recorder.Finished(run("collections", 1))
		recorder.Finished(run("collections", 1))
		counted, measured := startTimes()
		if want := start.Add(time.Minute); !counted.Equal(want) || !measured.Equal(want) {
			t.Errorf("want a start at %v, got %v and %v", want, counted, measured)
		}
	})
}

func TestScopeStartsCountersAtZero(t *testing.T) {
	recorder, _, reader := newRecorder(t)
	recorder.SetScope(otel.Scope{Notifiers: []string{"ops"}, Credentials: []string{"member", "partner"}, Renewable: []string{"member"}})
	for _, want := range []string{
		"squarewatch.notify.sent notifier=ops 0", "squarewatch.notify.failed notifier=ops,reason=refused 0",
		"squarewatch.credential.renewals credential=member,outcome=refused 0",
	} {
		if text := metricsText(t, reader); !strings.Contains(text, want) {
			t.Errorf("want %q, got:\n%s", want, text)
		}
	}
}
