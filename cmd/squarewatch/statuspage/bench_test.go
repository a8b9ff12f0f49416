package statuspage_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"squarewatch/cmd/squarewatch/statuspage"
)

// many returns a snapshot of the given number of probes. When bad is set, the first probe is bad.
func many(tb testing.TB, bad bool, number int) *statuspage.Snapshot {
	tb.Helper()
	names := []string{"feed"}
	for i := 1; i < number; i++ {
		names = append(names, fmt.Sprintf("probe-%d", i))
	}
	s := snapshot(tb, bad, names...)
	random := rand.New(rand.NewPCG(1, 2)) // for cells that compress as badly as true ones
	for i := range s.Probes {
		all := s.Probes[i].Recent.Cells.All()
		last := all[len(all)-1]
		cells := make([]statuspage.Cell, 60)
		for k := range cells {
			cells[k] = last
			cells[k].At = last.At.Add(time.Duration(k-59) * 10 * time.Second)
			cells[k].Latency = 100*time.Millisecond + time.Duration(random.IntN(100))*time.Millisecond
		}
		s.Probes[i].Recent.Cells = statuspage.PackCells(cells)
	}
	return s
}

// BenchmarkHome serves the compressed home page of many probes, each time from a new snapshot. It runs once with one bad probe and once
// with none. It reports the bytes of the answer.
func BenchmarkHome(b *testing.B) {
	for _, number := range []int{1000, 10_000} {
		for name, bad := range map[string]bool{"bad": true, "good": false} {
			b.Run(name+"/"+strconv.Itoa(number), func(b *testing.B) {
				h, size := server(b, many(b, bad, number)), 0
				for b.Loop() {
					size = packed(b, h, "/").Body.Len()
				}
				b.ReportMetric(float64(size), "B/page")
			})
		}
	}
}

// BenchmarkViewers serves the home page of many probes to 50 viewers after each new snapshot, because an update makes each page ask for
// it. A page asks every two seconds at most. The benchmark reports the share of a core that one viewer costs at that rate.
func BenchmarkViewers(b *testing.B) {
	const viewers, pause = 50, 2 * time.Second
	for _, number := range []int{1000, 10_000} {
		b.Run(strconv.Itoa(number), func(b *testing.B) {
			s := many(b, true, number)
			var shown *statuspage.Snapshot
			h := serverOf(b, func() *statuspage.Snapshot {
				copied := *s
				shown = &copied
				return shown
			})
			for b.Loop() {
				packed(b, h, "/")
				shown.Now = time.Now() // so that the other viewers share the snapshot
				for range viewers - 1 {
					packed(b, h, "/")
				}
				shown.Now = s.Now
			}
			b.ReportMetric(100*float64(b.Elapsed())/float64(b.N)/viewers/float64(pause), "%core/viewer")
		})
	}
}
