package otel_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/otel"

	"github.com/google/go-cmp/cmp"
)

// TestEverySpanIsExportedOrCounted adds more spans than the queue holds while the export is blocked.
func TestEverySpanIsExportedOrCounted(t *testing.T) {
	const ended = 40_000
	var exported atomic.Int64
	released, logs := make(chan struct{}), &logBuffer{}
	queue := otel.NewQueue(t.Context(), logs.logger(), func(_ context.Context, spans []byte, count int) {
		<-released
		if len(spans) != count {
			t.Errorf("want %d spans, got %d", count, len(spans))
		}
		exported.Add(int64(count))
	})
	for range ended / 8 {
		queue.Add([]byte("spansspa"), 8)
	}
	close(released)
	if err := queue.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := exported.Load() + queue.Dropped(); got != ended || queue.Dropped() == 0 {
		t.Errorf("want %d spans exported or counted as dropped, got %d and %d", ended, exported.Load(), queue.Dropped())
	}
	if got := strings.Count(logs.String(), "spans are dropped"); got != 1 {
		t.Errorf("want one line, got %d:\n%s", got, logs)
	}
}

// TestWhenTheQueueIsExported queues spans that wait 200 ms, a full batch, and spans of unexpected runs. These are exported at once, but not
// more often than every 20 ms.
func TestWhenTheQueueIsExported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var got []string
		queue := otel.NewQueue(t.Context(), (&logBuffer{}).logger(), func(_ context.Context, spans []byte, _ int) {
			got = append(got, time.Since(begin).String()+" "+string(spans))
		})
		at := func(ms int, do func()) { time.AfterFunc(time.Duration(ms)*time.Millisecond, do) }
		requested := func(spans string) func() {
			return func() { queue.Add([]byte(spans), 1); queue.RequestExport() }
		}
		at(100, func() { queue.Add([]byte("a"), 1) })
		at(250, func() { queue.Add([]byte("b"), 1) })
		at(400, func() { queue.Add([]byte("full"), 1024) })
		at(500, requested("c"))
		at(501, requested("d"))
		at(502, requested("e"))
		at(503, func() { queue.Add([]byte("f"), 1) })
		at(900, func() { queue.Add([]byte("g"), 1) })
		at(950, func() {
			if err := queue.ForceFlush(t.Context()); err != nil {
				t.Error(err)
			}
		})
		at(1000, func() { queue.Add([]byte("h"), 1) })
		<-time.After(1050 * time.Millisecond)
		if err := queue.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		want := []string{"300ms ab", "400ms full", "500ms c", "520ms def", "950ms g", "1.05s h"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
