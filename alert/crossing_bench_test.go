package alert_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"squarewatch/alert"
)

// arrival is a notifier that knows when it was asked.
type arrival struct{ at chan time.Time }

func (a arrival) Deliver(context.Context, alert.Notification) (string, error) {
	a.at <- time.Now()
	return "", nil
}

// BenchmarkCrossing measures from when a run that crosses the threshold has finished to when a notifier is asked to tell it:
// through the evaluator, the transaction on disk, and the sender. Each crossing has a destination of its own, as one takes a
// message a second.
func BenchmarkCrossing(b *testing.B) {
	const crossings = 300
	for b.Loop() {
		delays := crossing(b, crossings)
		slices.Sort(delays)
		b.ReportMetric(delays[len(delays)/2].Seconds()*1000, "ms-p50")
		b.ReportMetric(delays[len(delays)*99/100].Seconds()*1000, "ms-p99")
	}
}

func crossing(b *testing.B, count int) []time.Duration {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "x.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	store, err := alert.NewStore(b.Context(), db)
	if err != nil {
		b.Fatal(err)
	}
	asked := arrival{make(chan time.Time, 1)}
	destinations, names := map[string]alert.Destination{}, make([]string, count)
	rules := make([]alert.Rule, count)
	for i := range count {
		names[i] = fmt.Sprintf("p%d", i)
		destinations[names[i]] = alert.Destination{Notifier: asked}
		rules[i] = rule(func(r *alert.Rule) {
			r.Name, r.Probes, r.MinRuns, r.Notify = names[i], []string{names[i]}, 1, []string{names[i]}
		})
	}
	outbox := alert.NewOutbox(alert.OutboxOptions{Store: store, Destinations: destinations})
	evaluator := alert.NewEvaluator(engine(b, alert.EngineOptions{Rules: rules, Probes: probes(names...)}), outbox.Add)
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { outbox.Run(ctx) })
	running.Go(func() { evaluator.Run(ctx) })
	var delays []time.Duration
	for _, name := range names {
		began := time.Now()
		evaluator.Finished(result(name, began, 500))
		delays = append(delays, (<-asked.at).Sub(began))
	}
	cancel()
	running.Wait()
	return delays
}

// BenchmarkSeriesMemory measures what a series takes, for a window of a minute and of a week, with and without bad runs.
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
