package statuspage_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"squarewatch/alert/outbox"
	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/probe/history"
)

// BenchmarkHome serves the home page of many probes, one of which is bad, each time from a new snapshot, and compressed. It reports the
// bytes of the answer.
func BenchmarkHome(b *testing.B) {
	for _, number := range []int{1000, 10_000} {
		b.Run(strconv.Itoa(number), func(b *testing.B) {
			names := []string{"feed"}
			for i := 1; i < number; i++ {
				names = append(names, fmt.Sprintf("probe-%d", i))
			}
			s := snapshot(b, true, names...)
			page, err := statuspage.New(statuspage.Source{
				Snapshot: func(context.Context, time.Time) *statuspage.Snapshot { copied := *s; return &copied },
				History:  func() *history.Store { return nil }, Store: func() *outbox.Store { return nil },
			}, statuspage.NewStrips())
			if err != nil {
				b.Fatal(err)
			}
			mux := http.NewServeMux()
			page.Register(mux)
			size := 0
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", http.NoBody)
				r.Header.Set("Accept-Encoding", "gzip")
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, r)
				size = w.Body.Len()
			}
			b.ReportMetric(float64(size), "B/page")
		})
	}
}
