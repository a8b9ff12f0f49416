package history_test

import (
	"path/filepath"
	"testing"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/history"

	"github.com/google/go-cmp/cmp"
)

func TestUptimes(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	now := time.Date(2026, 10, 7, 3, 30, 0, 0, time.UTC)
	w := history.NewWriter(b.Store, history.WriterOptions{Retention: history.DefaultRetention()})
	w.Missed(probe.Miss{Probe: "a", Intended: now.Add(-time.Hour), Reason: probe.MissGap, Count: 3})
	w.Missed(probe.Miss{Probe: "c", Intended: now.Add(-time.Hour), Reason: probe.MissGap, Count: 1})
	w.Missed(probe.Miss{Probe: "c", Intended: now.Add(-48 * time.Hour), Reason: probe.MissGap, Count: 9})
	writtenBy(w, detailed("a", now, 200), detailed("a", now.Add(time.Second), 200), detailed("a", now.Add(2*time.Second), 500),
		detailed("b", now.Add(-20*time.Hour), 200), detailed("b", now.Add(-26*time.Hour), 500))
	got, err := b.Uptimes(t.Context(), now.Add(-24*time.Hour))
	want := map[string]history.Uptime{"a": {Runs: 3, Good: 2, Missed: 3}, "b": {Runs: 1, Good: 1}, "c": {Missed: 1}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}
