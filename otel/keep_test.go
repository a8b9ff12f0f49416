package otel_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"squarewatch/otel"
	"squarewatch/probe"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"
)

// lasting sets the duration of a run's only attempt.
func lasting(r *probe.Result, d time.Duration) *probe.Result {
	a := &r.Attempts[0]
	a.End = a.Start.Add(d)
	a.Phases = []probe.Phase{{Kind: probe.PhaseWait, Start: a.Start, End: a.End}}
	r.End = a.End
	return r
}

// TestKeepHealthy checks which runs are kept when the share of healthy runs is zero.
func TestKeepHealthy(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*probe.Result)
		want   bool
	}{
		"healthy":       {func(*probe.Result) {}, false},
		"unexpected":    {func(r *probe.Result) { r.Expected, r.Reason = false, "500" }, true},
		"late":          {func(r *probe.Result) { r.Intended = r.Start.Add(-100 * time.Millisecond) }, true},
		"hardly late":   {func(r *probe.Result) { r.Intended = r.Start.Add(-99 * time.Millisecond) }, false},
		"run by hand":   {func(r *probe.Result) { r.Intended = time.Time{} }, false},
		"renewing":      {func(r *probe.Result) { r.AskedRenewal = true }, true},
		"resent":        {func(r *probe.Result) { r.Attempts = append(r.Attempts, resend(probe.CauseResend)) }, true},
		"confirmed":     {func(r *probe.Result) { r.Attempts = append(r.Attempts, resend(probe.CauseConfirm)) }, true},
		"redirected":    {func(r *probe.Result) { r.Attempts = append(r.Attempts, beside(r, probe.CauseRedirect)) }, false},
		"sent again":    {func(r *probe.Result) { r.Attempts = append(r.Attempts, beside(r, probe.CauseRetry)) }, true},
		"slow":          {func(r *probe.Result) { lasting(r, 200*time.Millisecond) }, true},
		"hardly slower": {func(r *probe.Result) { lasting(r, 101*time.Millisecond) }, false},
		"fast":          {func(r *probe.Result) { lasting(r, 10*time.Millisecond) }, false},
	} {
		recorder, exporter, _ := newRecorder(t)
		recorder.KeepHealthy(0)
		for range 100 {
			recorder.Finished(run("collections", 1))
		}
		if got := len(exporter.GetSpans()); got != 0 {
			t.Fatalf("want no spans of 100 equal healthy runs, got %d", got)
		}
		r := run("collections", 2)
		c.change(r)
		recorder.Finished(r)
		if got := len(exporter.GetSpans()) > 0; c.want != got {
			t.Errorf("%s: want kept %t, got %t", name, c.want, got)
		}
	}
}

func resend(cause probe.Cause) probe.Attempt {
	a := attempt(99, 102)
	a.Cause = cause
	return a
}

// beside returns an attempt with the times of the first, so that the run's latency stays the same.
func beside(r *probe.Result, cause probe.Cause) probe.Attempt {
	a := resend(cause)
	a.Start, a.End = r.Attempts[0].Start, r.Attempts[0].End
	return a
}

func TestNoRunIsSlowAmongFewerThan100(t *testing.T) {
	recorder, exporter, _ := newRecorder(t)
	recorder.KeepHealthy(0)
	for range 99 {
		recorder.Finished(run("collections", 1))
	}
	recorder.Finished(lasting(run("collections", 2), time.Second))
	if got := len(exporter.GetSpans()); got != 0 {
		t.Errorf("want no span, got %d", got)
	}
}

// TestKeptTracesAreComplete also checks that the share is right, that every exemplar belongs to a kept trace, and that every run is
// counted.
func TestKeptTracesAreComplete(t *testing.T) {
	const runs = 5000
	recorder, exporter, reader := newRecorder(t)
	recorder.KeepHealthy(0.1)
	random := rand.New(rand.NewPCG(3, 4))
	for range runs {
		r := run("collections", 1)
		for i := range r.Trace {
			r.Trace[i] = byte(random.UintN(256))
		}
		recorder.Finished(r)
	}
	spans := map[trace.TraceID]int{}
	for _, s := range exporter.GetSpans() {
		spans[s.SpanContext.TraceID()]++
	}
	for id, got := range spans {
		if want := 8; want != got {
			t.Errorf("trace %s: want %d spans, got %d", id, want, got)
		}
	}
	// With 5,000 runs the standard deviation of the number of kept traces is 21. Five times that does not happen by chance.
	if got := len(spans); got < 500-105 || got > 500+105 {
		t.Errorf("want about 500 traces, got %d", got)
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for _, e := range exemplars(all) {
		if spans[trace.TraceID(e)] == 0 {
			t.Errorf("want only exemplars of kept traces, got %x", e)
		}
	}
	if text := metricsText(t, reader); !strings.Contains(text, "probe=collections 5000") {
		t.Errorf("want every run counted, got:\n%s", text)
	}
}

func exemplars(all metricdata.ResourceMetrics) (traces [][]byte) {
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					traces = slices.AppendSeq(traces, traceIDs(p.Exemplars))
				}
			case metricdata.ExponentialHistogram[float64]:
				for _, p := range data.DataPoints {
					traces = slices.AppendSeq(traces, traceIDs(p.Exemplars))
				}
			}
		}
	}
	return traces
}

func traceIDs[N int64 | float64](all []metricdata.Exemplar[N]) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for _, e := range all {
			if !yield(e.TraceID) {
				return
			}
		}
	}
}

// TestDroppedRunAllocatesNothing counts allocations, which do not depend on the machine.
func TestDroppedRunAllocatesNothing(t *testing.T) {
	recorder, _ := otel.NewTestRecorder(func([]byte) {})
	recorder.KeepHealthy(0)
	r := run("collections", 1)
	if got := testing.AllocsPerRun(100, func() { recorder.Finished(r) }); got != 0 {
		t.Errorf("want no allocation, got %v", got)
	}
}
