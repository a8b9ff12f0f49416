//go:build bench

package bench_test

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"squarewatch/probe/aisquaretest"
)

// target answers every request as a healthy API does, discards telemetry, and notes when each probe's requests come.
type target struct {
	plain, secure *httptest.Server
	authority     string // file with the certificate of secure

	mu       sync.Mutex
	interval time.Duration
	last     map[string]time.Time // by path
	noted    int                  // requests since begin
	off      []time.Duration      // how far the time between two requests of a probe was from the interval, since begin
}

func newTarget(tb testing.TB) *target {
	tb.Helper()
	t := &target{last: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/probe/", func(w http.ResponseWriter, r *http.Request) {
		t.note(r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"count": 0, "results": []}`)
	})
	mux.HandleFunc("/v1/", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	mux.Handle("/", aisquaretest.New(aisquaretest.Options{KeepRequests: -1}))
	t.plain = aisquaretest.Start(mux)
	t.secure, _ = aisquaretest.StartTLS(mux, aisquaretest.TLSOptions{HTTP1: true})
	tb.Cleanup(t.plain.Close)
	tb.Cleanup(t.secure.Close)
	block := &pem.Block{Type: "CERTIFICATE", Bytes: t.secure.Certificate().Raw}
	t.authority = write(tb, tb.TempDir(), "ca.pem", string(pem.EncodeToMemory(block)))
	return t
}

// url returns the address for a setting.
func (t *target) url(s setting) string {
	if s.TLS {
		return t.secure.URL
	}
	return t.plain.URL
}

func (t *target) note(path string) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.noted++
	if last, known := t.last[path]; known && t.interval > 0 {
		t.off = append(t.off, (now.Sub(last) - t.interval).Abs())
	}
	t.last[path] = now
}

// reset forgets all requests. The next program calls each path once in an interval.
func (t *target) reset(interval time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.interval = interval
	clear(t.last)
	t.noted, t.off = 0, t.off[:0]
}

// paths returns how many paths were called since reset.
func (t *target) paths() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.last)
}

// begin starts to count requests.
func (t *target) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.noted, t.off = 0, t.off[:0]
}

// counted returns the requests since begin, and the 99th percentile of how far the time between two requests of a probe was from
// the interval.
func (t *target) counted() (requests int, off time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.off) > 0 {
		slices.Sort(t.off)
		off = t.off[len(t.off)*99/100]
	}
	return t.noted, off
}
