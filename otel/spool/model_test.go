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

// world is a spool whose process, disk and collector fail at random, and the record of its spans.
type world struct {
	t         *testing.T
	dir       string
	limit     int64
	collector *collector
	client    *spool.Client
	repair    func()
	number    int              // of the newest batch
	uploaded  int64            // spans
	batches   map[string]int64 // spans, by the name of the first
	dropped   int64            // by processes that have ended
	lost      int64            // in memory, with a process that was killed
	ambiguous bool             // the collector accepted spans and its response was lost: these spans may also be counted as dropped
	faults    []string
}

// move is one event.
type move struct {
	Kind   string
	Amount int // spans, or seconds
}

var kinds = []string{
	"upload", "upload", "upload", "upload", "upload", "upload", "wait", "wait", "check", "down", "down", "up", "up", "hang",
	"lose responses", "reject", "flush", "kill", "stop", "break", "repair",
}

func drawMove(r *rapid.T) move {
	return move{Kind: rapid.SampledFrom(kinds).Draw(r, "kind"), Amount: rapid.IntRange(1, 12).Draw(r, "amount")}
}

// TestEverySpanArrivesOrIsCounted checks three rules for random events: every span arrives at least once or is counted as dropped, the
// counts are exact, and batches arrive for the first time in order.
func TestEverySpanArrivesOrIsCounted(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		moves := rapid.SliceOfN(rapid.Custom(drawMove), 5, 60).Draw(r, "moves")
		limit := rapid.Int64Range(200, 3000).Draw(r, "limit")
		w := &world{dir: t.TempDir(), limit: limit, batches: make(map[string]int64), repair: func() {}}
		synctest.Test(t, func(t *testing.T) {
			w.t, w.collector = t, &collector{}
			w.begin()
			for _, m := range moves {
				w.do(m)
			}
			w.verify()
			w.end()
		})
		if len(w.faults) > 0 {
			r.Fatal(strings.Join(w.faults, "\n"))
		}
	})
}

func (w *world) report(format string, values ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, values...))
}

func (c *collector) release() {
	if c.hangs != nil {
		close(c.hangs)
		c.hangs = nil
	}
}

func (w *world) begin() {
	w.client = start(w.t, w.collector, spool.Options{Dir: w.dir, Limit: w.limit})
	w.client.LimitMemory(500)
}

// setCollector changes how the collector responds.
func (w *world) setCollector(change func(*collector)) {
	w.collector.set(func() {
		w.collector.release()
		w.collector.failure, w.collector.losesResponses, w.collector.rejects = nil, false, ""
		change(w.collector)
	})
}

func (w *world) do(m move) {
	switch m.Kind {
	case "upload":
		w.upload(m.Amount)
	case "wait":
		<-time.After(time.Duration(m.Amount*m.Amount*m.Amount) * 20 * time.Millisecond)
	case "check":
		w.check()
	case "down":
		w.setCollector(func(c *collector) { c.failure = errUnavailable })
	case "up":
		w.setCollector(func(*collector) {})
	case "hang":
		w.setCollector(func(c *collector) { c.hangs = make(chan struct{}) })
	case "lose responses":
		w.setCollector(func(c *collector) { c.losesResponses, w.ambiguous = true, true })
	case "reject":
		w.setCollector(func(c *collector) { c.rejects = fmt.Sprintf("%d.0", w.number) })
	case "flush":
		_ = w.client.Flush(after(w.t, time.Duration(m.Amount)*time.Second)) // verify checks whether everything arrives
	case "kill":
		w.lost += w.client.Kill()
		w.dropped += w.client.Dropped()
		w.begin()
	case "stop":
		w.end()
		w.begin()
	case "break":
		w.repair()
		w.repair = breakDisk(w.t, w.dir, w.client, m.Amount)
	case "repair":
		w.repair()
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
	if err := w.client.Add(w.t.Context(), newBatch(w.number, spans), spans); err != nil {
		w.report("Add: %v", err)
	}
}

// check compares the number of bytes that the client reports with its directory.
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
		w.report("want %d bytes on disk reported, below the limit of %d, got %d", bytes, w.limit, got)
	}
	if held := w.client.MemoryBytes(); held > 500 {
		w.report("want at most 500 bytes in memory, got %d", held)
	}
}

// verify repairs the disk and the collector, waits until everything is sent, and compares the counts.
func (w *world) verify() {
	w.repair()
	w.setCollector(func(*collector) {})
	_ = w.client.Flush(after(w.t, time.Hour)) // returns that spans were dropped
	w.check()
	if w.client.Bytes() != 0 || w.client.MemoryBytes() != 0 {
		w.report("want nothing left, got %d bytes on disk and %d in memory", w.client.Bytes(), w.client.MemoryBytes())
	}
	var arrived int64
	var order []int
	seen := make(map[string]bool)
	for _, first := range w.collector.accepted() {
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
		w.report("want batches in order, got %v", order)
	}
	accounted := arrived + w.dropped + w.client.Dropped() + w.lost
	if accounted < w.uploaded || accounted > w.uploaded && !w.ambiguous {
		w.report("of %d spans %d arrived, %d were counted as dropped, %d were in the memory of killed processes",
			w.uploaded, arrived, w.dropped+w.client.Dropped(), w.lost)
	}
}
