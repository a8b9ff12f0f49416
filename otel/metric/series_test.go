package metric_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"
)

// TestDeletedSeriesRestartsAtZero deletes a series and records again: the total starts at zero, and so does its start time.
func TestDeletedSeriesRestartsAtZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture()
		f.run(t.Context(), "a")
		f.run(t.Context(), "b")
		nextMinute()
		isA := func(name string) bool { return name == "a" }
		f.runs.DeleteFunc(isA)
		f.duration.DeleteFunc(isA)
		f.run(t.Context(), "a")
		exported := f.export(t)
		sum := exported["squarewatch.probe.runs"][0].(metricdata.Sum[int64]).DataPoints
		histogram := exported["squarewatch.probe.duration"][0].(metricdata.ExponentialHistogram[float64]).DataPoints
		if len(sum) != 2 || len(histogram) != 2 {
			t.Fatalf("want 2 series, got %v and %v", sum, histogram)
		}
		if sum[1].Value != 1 || histogram[1].Count != 1 {
			t.Errorf("want one run since the deletion, got %v and %v", sum[1], histogram[1])
		}
		if want := time.Now(); !sum[1].StartTime.Equal(want) || !histogram[1].StartTime.Equal(want) {
			t.Errorf("want a start at %v, got %v and %v", want, sum[1].StartTime, histogram[1].StartTime)
		}
		if want := time.Now().Add(-time.Minute); !sum[0].StartTime.Equal(want) || !histogram[0].StartTime.Equal(want) {
			t.Errorf("want the other series to start at %v, got %v and %v", want, sum[0].StartTime, histogram[0].StartTime)
		}
	})
}

func TestCounterStartsAtZero(t *testing.T) {
	f := newFixture()
	f.runs.StartAtZero("a")
	points := f.export(t)["squarewatch.probe.runs"][0].(metricdata.Sum[int64]).DataPoints
	if len(points) != 1 || points[0].Value != 0 || points[0].StartTime.IsZero() {
		t.Errorf("want one series of zero with a start time, got %v", points)
	}
}

func TestExportInBatches(t *testing.T) {
	f := newFixture()
	f.runMany(t.Context())
	for name, batches := range f.export(t) {
		series := 0
		for _, data := range batches {
			n := 0
			switch data := data.(type) {
			case metricdata.Sum[int64]:
				n = len(data.DataPoints)
			case metricdata.Gauge[float64]:
				n = len(data.DataPoints)
			case metricdata.ExponentialHistogram[float64]:
				n = len(data.DataPoints)
			}
			if n == 0 || n > 500 {
				t.Errorf("%s: want batches of 1 to 500 series, got %d", name, n)
			}
			series += n
		}
		want := manySeries
		switch name {
		case "squarewatch.probe.phase.duration":
			want *= len(phases())
		case "squarewatch.schedule.lateness", "squarewatch.spool.dropped":
			want = 1
		}
		if want != series {
			t.Errorf("%s: want %d series, got %d", name, want, series)
		}
	}
}

// TestExportAfterFailures checks that one failed request does not stop the others, and that three in a row do.
func TestExportAfterFailures(t *testing.T) {
	errFirst, errLater := errors.New("first"), errors.New("later")
	for name, c := range map[string]struct {
		failures []int // numbers of the requests that fail, from 1
		want     int   // requests
	}{
		"none":           {failures: nil, want: 7},
		"one":            {failures: []int{2}, want: 7},
		"two in a row":   {failures: []int{2, 3, 5, 6}, want: 7},
		"three in a row": {failures: []int{2, 3, 4}, want: 4},
	} {
		f := newFixture()
		f.probes = []string{"a"}
		f.run(t.Context(), "a")
		requests := 0
		err := f.registry.Export(t.Context(), nil, func(context.Context, *metricdata.ResourceMetrics) error {
			requests++
			switch {
			case !slices.Contains(c.failures, requests):
				return nil
			case requests == c.failures[0]:
				return errFirst
			default:
				return errLater
			}
		})
		if requests != c.want {
			t.Errorf("%s: want %d requests, got %d", name, c.want, requests)
		}
		if (len(c.failures) > 0) != errors.Is(err, errFirst) {
			t.Errorf("%s: want the first error, got %v", name, err)
		}
	}
}

func TestExemplarIsTheNewestSampledTrace(t *testing.T) {
	f := newFixture()
	f.run(sampled(t.Context(), 1), "a")
	f.run(sampled(t.Context(), 2), "a")
	f.run(t.Context(), "a") // not sampled
	exported := f.export(t)
	sum := exported["squarewatch.probe.runs"][0].(metricdata.Sum[int64]).DataPoints[0].Exemplars
	histogram := exported["squarewatch.probe.duration"][0].(metricdata.ExponentialHistogram[float64]).DataPoints[0].Exemplars
	if len(sum) != 1 || len(histogram) != 1 {
		t.Fatalf("want one exemplar each, got %v and %v", sum, histogram)
	}
	if want := (trace.TraceID{2}); trace.TraceID(sum[0].TraceID) != want || trace.TraceID(histogram[0].TraceID) != want {
		t.Errorf("want the newest sampled trace, got %x and %x", sum[0].TraceID, histogram[0].TraceID)
	}
}

// TestConcurrentUse records, deletes and exports at the same time. The race detector reports unguarded access.
func TestConcurrentUse(t *testing.T) {
	f := newFixture()
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for _, name := range probeNames(60) {
				f.run(t.Context(), name)
			}
		})
	}
	work.Go(func() {
		for range 10 {
			f.runs.DeleteFunc(func(name string) bool { return name < "p5" })
			f.duration.DeleteFunc(func(name string) bool { return name < "p5" })
		}
	})
	for range 10 {
		f.export(t)
		scrape(t, f.page(t), "text/plain")
	}
	work.Wait()
}
