package history_test

import (
	"path/filepath"
	"testing"
	"time"
)

func TestBucketsOfAProbe(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "x.db"))
	begin := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC)
	written(b.Store, run("a", begin.Add(5*time.Second), 200), run("a", begin.Add(50*time.Second), 500),
		run("a", begin.Add(130*time.Second), 200), run("b", begin.Add(5*time.Second), 500))
	for _, length := range []time.Duration{time.Minute, time.Hour} {
		got, err := b.Buckets(t.Context(), "a", begin, begin.Add(time.Hour), length)
		if err != nil {
			t.Fatal(err)
		}
		runs, bad := 0, 0
		for i := range got {
			runs += got[i].Runs
			bad += got[i].Bad
		}
		want := map[time.Duration]int{time.Minute: 2, time.Hour: 1}[length]
		if len(got) != want || runs != 3 || bad != 1 || !got[0].Begin.Equal(begin) || got[0].Bad != 1 {
			t.Errorf("in parts of %v: %d parts with %d runs, %d of them bad: %+v", length, len(got), runs, bad, got)
		}
	}
}
