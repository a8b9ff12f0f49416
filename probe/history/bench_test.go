package history_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/history"
)

// BenchmarkWriter writes the runs of 1,000 probes every 30 s, in batches of 1,000. All are healthy, or all are unexpected.
func BenchmarkWriter(b *testing.B) {
	for name, code := range map[string]int{"healthy": 200, "outage": 500} {
		b.Run(name, func(b *testing.B) { benchmarkWriter(b, code) })
	}
}

func benchmarkWriter(b *testing.B, code int) {
	b.Helper()
	store := openStore(b)
	w := history.NewWriter(store, history.WriterOptions{Retention: history.DefaultRetention(), Logger: slog.New(slog.DiscardHandler)})
	const batch = 1000
	at, runs := time.Now(), 0
	for b.Loop() {
		results := make([]*probe.Result, 0, batch)
		for i := range batch {
			at = at.Add(30 * time.Millisecond)
			r := detailed(fmt.Sprintf("p%d", i), at, code)
			_, _ = rand.Read(r.Trace[:])
			results = append(results, r)
		}
		writtenBy(w, results...)
		runs += batch
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(runs), "µs/run")
	used, err := store.Used(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(used)/float64(runs), "B/run")
}

// BenchmarkSummarise summarises an hour of 100 probes with a run every 30 s. Its time for a run comes in addition to the time for writing
// the run.
func BenchmarkSummarise(b *testing.B) {
	store, hour, runs := openStore(b), time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC), 0
	w := history.NewWriter(store, history.WriterOptions{Retention: history.DefaultRetention(), Logger: slog.New(slog.DiscardHandler)})
	for b.Loop() {
		b.StopTimer()
		var results []*probe.Result
		for at := hour; at.Before(hour.Add(time.Hour)); at = at.Add(30 * time.Second) {
			for i := range 100 {
				results = append(results, detailed(fmt.Sprintf("p%d", i), at, 200))
			}
		}
		writtenBy(w, results...)
		runs, hour = runs+len(results), hour.Add(time.Hour)
		b.StartTimer()
		if err := store.Summarise(b.Context(), hour.Add(2*time.Minute)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(runs), "µs/run")
}

// BenchmarkPeriod reads what the page of a probe shows of a day with a run each second.
func BenchmarkPeriod(b *testing.B) {
	store := openStore(b)
	w := history.NewWriter(store, history.WriterOptions{
		Retention: history.DefaultRetention(), Logger: slog.New(slog.DiscardHandler), Room: 100_000,
	})
	until := time.Now().Truncate(time.Hour)
	since := until.Add(-24 * time.Hour)
	var results []*probe.Result
	for at := since; at.Before(until); at = at.Add(time.Second) {
		r := detailed("a", at, 200)
		_, _ = rand.Read(r.Trace[:])
		results = append(results, r)
	}
	writtenBy(w, results...)
	for name, read := range map[string]func() error{
		"buckets": func() error {
			_, err := store.Buckets(b.Context(), "a", since, until, 20*time.Minute)
			return err
		},
		"phases": func() error {
			_, err := store.Phases(b.Context(), "a", since, until, 20*time.Minute)
			return err
		},
		"rollups": func() error {
			_, err := store.RollupsOf(b.Context(), "a", since, until, time.Minute)
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
