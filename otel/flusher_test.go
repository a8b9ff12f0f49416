package otel_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"squarewatch/otel"
	"squarewatch/otel/collector"
)

// TestUnexpectedRunsAreOnDiskAtOnce waits for the spans of unexpected runs to be on disk, without a flush or shutdown, and long before a
// batch would be exported by time.
func TestUnexpectedRunsAreOnDiskAtOnce(t *testing.T) {
	dir := t.TempDir()
	settings := otel.DefaultSettings()
	settings.OTLP = collector.OTLP{Endpoint: unreachable(t), Protocol: collector.ProtocolHTTP}
	all, err := otel.New(t.Context(), otel.WithoutTimedBatches(otel.Options{Settings: settings, SpoolDir: dir}))
	if err != nil {
		t.Fatal(err)
	}
	defer shutDown(t, all)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := range 3 { // one after the other: each needs its own flush
		r := run("feed", byte(i+1))
		r.Expected, r.Reason = false, "500, want 2xx"
		r.Trace = [16]byte{15: byte(200 + i)}
		all.Recorder().Finished(r)
		for !onDisk(t, dir, string(r.Trace[:])) {
			select {
			case <-tick.C:
			case <-t.Context().Done():
				t.Fatal("want the spans on disk, got none")
			}
		}
	}
}

func onDisk(t *testing.T, dir, part string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if content, err := os.ReadFile(f); err == nil && strings.Contains(string(content), part) {
			return true
		}
	}
	return false
}
