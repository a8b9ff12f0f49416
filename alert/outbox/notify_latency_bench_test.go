package outbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
)

// arrival is a notifier that records when it was called.
type arrival struct{ at chan time.Time }

func (a arrival) Deliver(context.Context, outbox.Notification) (string, error) {
	a.at <- time.Now()
	return "", nil
}

// BenchmarkNotifyLatency measures the time from the end of a run that crosses the threshold until the notifier is called: through the
// evaluator, the transaction on disk, and the sender. Each crossing has its own destination, because a destination receives at most one
// message a second.
func BenchmarkNotifyLatency(b *testing.B) {
	const crossings = 300
	for b.Loop() {
		delays := notifyDelays(b, crossings)
		slices.Sort(delays)
		b.ReportMetric(delays[len(delays)/2].Seconds()*1000, "ms-p50")
		b.ReportMetric(delays[len(delays)*99/100].Seconds()*1000, "ms-p99")
	}
}

// notifyDelays returns the delay of each of a number of crossings.
func notifyDelays(b *testing.B, count int) []time.Duration {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "x.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	store, err := outbox.NewStore(b.Context(), db)
	if err != nil {
		b.Fatal(err)
	}
	called := arrival{make(chan time.Time, 1)}
	destinations, names := map[string]outbox.Destination{}, make([]string, count)
	rules := make([]alert.Rule, count)
	for i := range count {
		names[i] = fmt.Sprintf("p%d", i)
		destinations[names[i]] = outbox.Destination{Notifier: called}
		rules[i] = rule(func(r *alert.Rule) {
			r.Name, r.Probes, r.MinRuns, r.Notify = names[i], []string{names[i]}, 1, []string{names[i]}
		})
	}
	o := outbox.New(outbox.Options{Store: store, Destinations: destinations})
	evaluator := alert.NewEvaluator(engine(b, alert.EngineOptions{Rules: rules, Probes: probes(names...)}), o.Add)
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { o.Run(ctx) })
	running.Go(func() { evaluator.Run(ctx) })
	var delays []time.Duration
	for _, name := range names {
		began := time.Now()
		evaluator.Finished(result(name, began, 500))
		delays = append(delays, (<-called.at).Sub(began))
	}
	cancel()
	running.Wait()
	return delays
}
