//go:build e2e

package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"squarewatch/probe/aisquaretest"
)

// sink is a collector that counts the requests with spans, and can be down.
type sink struct {
	requests atomic.Int64
	down     atomic.Bool
}

func (s *sink) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if s.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.requests.Add(1)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// TestSpoolOnAFrozenDisk freezes the disk of the spool, while the daemon runs and at its start. Spans are sent, and the spool is used when
// the disk works again.
func TestSpoolOnAFrozenDisk(t *testing.T) {
	collector := &sink{}
	server := httptest.NewServer(collector)
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", server.URL+"/v1/traces")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	d := newDisk(t, 64)
	sent := func(what string) {
		t.Helper()
		before := collector.requests.Load()
		eventually(t, 15*time.Second, "spans are sent "+what, func() bool { return collector.requests.Load() > before+5 })
	}
	d.run()
	sent("at first")
	system(t, "fsfreeze", "-f", d.mount)
	begun, before := time.Now(), d.runs()
	d.api.SetFault("/a/", aisquaretest.Fault{Status: http.StatusInternalServerError})
	t.Logf("FIRING after %v", d.expects(10*time.Second, "FIRING"))
	sent("while the disk is frozen")
	if got, want := d.runs()-before, 21*time.Since(begun).Seconds()*0.8-21; got < want {
		t.Errorf("want probing to go on, at least %.0f runs, got %.0f", want, got)
	}
	_ = d.cmd.Process.Kill()
	system(t, "fsfreeze", "-u", d.mount) // a process that waits for the disk ends only now
	_ = d.cmd.Wait()

	system(t, "fsfreeze", "-f", d.mount)
	d.run()
	sent("after a start on a frozen disk")
	system(t, "fsfreeze", "-u", d.mount)
	d.recovers(20 * time.Second)
	collector.down.Store(true)
	eventually(t, 20*time.Second, "spans wait on the disk again", func() bool {
		return scrape(t, d.addr, "squarewatch_spool_bytes", nil) > 0
	})
	collector.down.Store(false)
	eventually(t, 30*time.Second, "what waited is sent", func() bool {
		return scrape(t, d.addr, "squarewatch_spool_bytes", nil) == 0
	})
	if n := scrape(t, d.addr, "squarewatch_spool_dropped_total", nil); n != 0 {
		t.Errorf("want no span lost, got %v", n)
	}
	if _, err := stop(t, d.cmd); err != nil {
		t.Errorf("stop: %v", err)
	}
}
