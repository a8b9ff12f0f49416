package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/config"
	"squarewatch/probe"
	"squarewatch/probe/history"
)

// BenchmarkFirstByte serves the home page of a daemon with many probes, one of which is bad. Each request makes a new snapshot, like the
// first request after a second without requests. The benchmark also reports how long a snapshot locks the engine.
func BenchmarkFirstByte(b *testing.B) {
	for _, number := range []int{1000, 10_000} {
		b.Run(strconv.Itoa(number), func(b *testing.B) {
			d := pageDaemon(b, number)
			page, err := statuspage.New(statuspage.Source{
				Snapshot: func(_ context.Context, now time.Time) *statuspage.Snapshot {
					return d.pageSnapshot(now.Add(-time.Second)) // so that the next request makes a new one
				},
				History: func() *history.Store { return nil }, Store: func() *outbox.Store { return nil },
			}, d.strips)
			if err != nil {
				b.Fatal(err)
			}
			mux := http.NewServeMux()
			page.Register(mux)
			var locked time.Duration
			for b.Loop() {
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", http.NoBody))
				if w.Code != http.StatusOK {
					b.Fatalf("the page answers %d", w.Code)
				}
			}
			for range 10 {
				begin := time.Now()
				d.evaluator.Snapshot()
				locked += time.Since(begin)
			}
			b.ReportMetric(float64(locked.Milliseconds())/10, "ms-locked")
		})
	}
}

// pageDaemon returns a daemon that does not run, whose probes have had 60 runs each.
func pageDaemon(b *testing.B, number int) *Daemon {
	b.Helper()
	var file strings.Builder
	fmt.Fprint(&file, "target: http://127.0.0.1:1\ncatalogue: none\nlisten: 127.0.0.1:0\nstate_dir: none\nprobes:\n")
	for i := range number {
		fmt.Fprintf(&file, "  - {name: p%d, path: /p%d/, schedule: '@every 10s'}\n", i, i)
	}
	d, err := New(b.Context(), Options{
		Load: func() (*config.Config, error) {
			return config.Parse("bench.yaml", []byte(file.String()), config.Options{Kinds: kinds()})
		},
		Logger: discardLogger(), Notify: func(string) {},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.closeAll(context.WithoutCancel(b.Context())) })
	now := time.Now()
	for k := range 60 {
		at := now.Add(time.Duration(k-60) * 10 * time.Second)
		for i := range number {
			r := &probe.Result{Probe: "p" + strconv.Itoa(i), Start: at, End: at, Class: probe.Success, Code: 200, Expected: true}
			if i == 0 && k > 30 {
				r.Class, r.Code, r.Expected, r.Blame = probe.ServerError, 500, false, probe.BlameAPI
			}
			d.strips.Finished(r)
			d.evaluator.Finished(r)
		}
	}
	return d
}
