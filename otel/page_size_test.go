package otel_test

import (
	"fmt"
	"strings"
	"testing"

	"squarewatch/otel"
	"squarewatch/probe"
)

// pageOf returns /metrics as text after one healthy run of each of so many probes, whose names have eight letters.
func pageOf(tb testing.TB, probes int, classic bool) string {
	tb.Helper()
	settings := otel.DefaultSettings()
	settings.ClassicBuckets = classic
	all, err := otel.New(tb.Context(), otel.Options{Settings: settings})
	if err != nil {
		tb.Fatal(err)
	}
	recorder := all.Recorder()
	var scope otel.Scope
	results := make([]*probe.Result, probes)
	for i := range results {
		results[i] = run(fmt.Sprintf("feed%04d", i), 1)
		scope.Probes = append(scope.Probes, results[i].Probe)
	}
	recorder.SetScope(scope)
	for _, r := range results {
		recorder.Finished(r)
	}
	return scrape(tb, all.Metrics(), "text/plain")
}

// TestAProbeTakesTwoKilobytesOfThePage measures what a further probe adds to the page as text: 2 kB (2,000 bytes).
func TestAProbeTakesTwoKilobytesOfThePage(t *testing.T) {
	for _, probes := range []int{9, 1_000, 10_000} {
		size := len(pageOf(t, probes, false))
		t.Logf("%d probes: %d bytes, %d a probe", probes, size, size/probes)
	}
	perProbe := (len(pageOf(t, 200, false)) - len(pageOf(t, 100, false))) / 100
	if perProbe > 2000 {
		t.Errorf("want at most 2,000 bytes a probe, got %d", perProbe)
	}
	few, classic := pageOf(t, 1, false), pageOf(t, 1, true)
	const phaseBucket = "squarewatch_probe_phase_duration_seconds_bucket{"
	if strings.Contains(few, phaseBucket) || !strings.Contains(classic, phaseBucket) {
		t.Errorf("want buckets of phases only where classic_buckets asks for them")
	}
}
