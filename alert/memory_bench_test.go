package alert_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"squarewatch/alert"
)

// BenchmarkSeriesMemory measures the memory of a series, for a window of a minute and of a week, with and without bad runs.
func BenchmarkSeriesMemory(b *testing.B) {
	const count = 10_000
	names := make([]string, count)
	for i := range count {
		names[i] = fmt.Sprintf("p%d", i)
	}
	for name, length := range map[string]time.Duration{"1m": time.Minute, "7d": 7 * 24 * time.Hour} {
		for kind, code := range map[string]int{"healthy": 200, "bad": 500} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				list := probes(names...)
				rules := []alert.Rule{rule(func(r *alert.Rule) { r.Window, r.Threshold = length, 1; r.MinRuns = 1000 })}
				var before, after runtime.MemStats
				for b.Loop() {
					runtime.GC()
					runtime.ReadMemStats(&before)
					e := engine(b, alert.EngineOptions{Rules: rules, Probes: list})
					for _, probe := range names {
						e.Observe(result(probe, start(), code))
					}
					runtime.GC()
					runtime.ReadMemStats(&after)
					runtime.KeepAlive(e)
				}
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/count, "B/series")
			})
		}
	}
}
