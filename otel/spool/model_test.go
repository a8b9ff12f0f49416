package spool_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/otel/spool"

	"pgregory.net/rapid"
)

// world is a spool whose process, disk and collector fail at random, and what is known of its spans.
type world struct {
	t         *testing.T
	dir       string
	limit     int64
	collector *collector
	client    *spool.Client
	mend      func()
	number    int              // of the last batch
	uploaded  int64            // spans
	batches   map[string]int64 // spans, by the name of the first
	dropped   int64            // by processes that have ended
	lost      int64            // in memory, with a process that was killed
	ambiguous bool             // the collector took spans and did not say so: these may be counted as dropped, too
	wrong     []string
}

// move is one thing that happens.
type move struct {
	Kind   string
	Amount int // spans, or seconds
}

var kinds = []string{
	"upload", "upload", "upload", "upload", "upload", "upload", "wait", "wait", "settle", "away", "away", "back", "back", "hang",
	"forget", "refuse", "flush", "kill", "stop", "break", "mend",
}

func drawMove(r *rapid.T) move {
	return move{rapid.SampledFrom(kinds).Draw(r, "kind"), rapid.IntRange(1, 12).Draw(r, "amount")}
}

// TestEverySpanArrivesOrIsCounted: whatever happens, every span arrives at least once, batches arrive for the first time
// in order, and what does not arrive is counted exactly.
func TestEverySpanArrivesOrIsCounted(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		moves := rapid.SliceOfN(rapid.Custom(drawMove), 5, 60).Draw(r, "moves")
		limit := rapid.Int64Range(200, 3000).Draw(r, "limit")
		w := &world{dir: t.TempDir(), limit: limit, batches: make(map[string]int64), mend: func() {}}
		synctest.Test(t, func(t *testing.T) {
			w.t, w.collector = t, &collector{}
			w.begin()
			for _, m := range moves {
				w.do(m)
			}
			w.judge()
			w.end()
		})
		if len(w.wrong) > 0 {
			r.Fatal(strings.Join(w.wrong, "\n"))
		}
	})
}

func (w *world) report(format string, values ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf(format, values...))
}

func (c *collector) unhang() {
	if c.hangs != nil {
		close(c.hangs)
		c.hangs = nil
	}
}

func (w *world) begin() {
	w.client = start(w.t, w.collector, spool.Options{Dir: w.dir, Limit: w.limit})
	w.client.LimitMemory(500)
}

// become changes how the collector answers.
func (w *world) become(change func(*collector)) {
	w.collector.set(func() {
		w.collector.unhang()
		w.collector.answer, w.collector.forgets, w.collector.refuses = nil, false, ""
		change(w.collector)
	})
}

func (w *world) do(m move) {
	switch m.Kind {
	case "upload":
		w.upload(m.Amount)
	case "wait":
		<-time.After(time.Duration(m.Amount*m.Amount*m.Amount) * 20 * time.Millisecond)
	case "settle":
		w.check()
	case "away":
		w.become(func(c *collector) { c.answer = errAway })
	case "back":
		w.become(func(*collector) {})
	case "hang":
		w.become(func(c *collector) { c.hangs = make(chan struct{}) })
	case "forget":
		w.become(func(c *collector) { c.forgets, w.ambiguous = true, true })
	case "refuse":
		w.become(func(c *collector) { c.refuses = fmt.Sprintf("%d.0", w.number) })
	case "flush":
		_ = w.client.Flush(after(w.t, time.Duration(m.Amount)*time.Second)) // judge sees whether all arrives
	case "kill":
		w.lost += w.client.Kill()
		w.dropped += w.client.Dropped()
		w.begin()
	case "stop":
		w.end()
		w.begin()
	case "break":
		w.mend()
		w.mend = breakDisk(w.t, w.dir, w.client, m.Amount)
	case "mend":
		w.mend()
	}
}

func (w *world) end() {
	if err := w.client.Stop(after(w.t, time.Second)); err != nil {
		w.report("Stop: %v", err)
	}
	w.dropped += w.client.Dropped()
}

func (w *world) upload(spans int) {
	w.number++
	w.uploaded += int64(spans)
	w.batches[fmt.Sprintf("%d.0", w.number)] = int64(spans)
	if err := w.client.UploadTraces(w.t.Context(), batch(w.number, spans)); err != nil {
		w.report("UploadTraces: %v", err)
	}
}

// check compares what the client says of its directory with the directory.
func (w *world) check() {
	synctest.Wait()
	var bytes int64
	for _, name := range files(w.t, w.dir, ".spans") {
		info, err := os.Stat(filepath.Join(w.dir, name))
		if err != nil {
			w.report("%v", err)
			return
		}
		bytes += info.Size()
	}
	if got := w.client.Bytes(); got != bytes || got > w.limit {
		w.report("%d bytes on disk, it says %d, the limit is %d", bytes, got, w.limit)
	}
	if held := w.client.Held(); held > 500 {
		w.report("%d bytes in memory", held)
	}
}

// judge lets everything arrive that still can, and counts.
func (w *world) judge() {
	w.mend()
	w.become(func(*collector) {})
	_ = w.client.Flush(after(w.t, time.Hour)) // says what was dropped
	w.check()
	if w.client.Bytes() != 0 || w.client.Held() != 0 {
		w.report("%d bytes still wait on disk, %d in memory", w.client.Bytes(), w.client.Held())
	}
	var arrived int64
	var order []int
	seen := make(map[string]bool)
	for _, first := range w.collector.took() {
		if seen[first] {
			continue
		}
		seen[first] = true
		arrived += w.batches[first]
		var number int
		if _, err := fmt.Sscanf(first, "%d.0", &number); err != nil {
			w.report("%v", err)
		}
		order = append(order, number)
	}
	if !slices.IsSorted(order) {
		w.report("batches arrived in the order %v", order)
	}
	accounted := arrived + w.dropped + w.client.Dropped() + w.lost
	if accounted < w.uploaded || accounted > w.uploaded && !w.ambiguous {
		w.report("of %d spans %d arrived, %d were counted as dropped, %d were in the memory of killed processes",
			w.uploaded, arrived, w.dropped+w.client.Dropped(), w.lost)
	}
}
