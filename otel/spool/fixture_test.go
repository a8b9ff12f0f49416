package spool_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"squarewatch/otel/spool"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var (
	errAway    = status.Error(codes.Unavailable, "connection refused")
	errRefused = status.Error(codes.InvalidArgument, "a span without a name")
)

// collector is a client that delivers to memory, or whatever answer says.
type collector struct {
	mu      sync.Mutex
	answer  error         // of every upload
	refuses string        // the batch with a span of this name is refused for good
	forgets bool          // it takes batches, and the answer does not arrive
	hangs   chan struct{} // uploads wait until it is closed
	tries   []time.Time
	batches [][]string // names of the spans it took
	stops   int
}

func (c *collector) Start(context.Context) error { return nil }

func (c *collector) Stop(context.Context) error {
	c.set(func() { c.stops++ })
	return nil
}

func (c *collector) UploadTraces(ctx context.Context, batch []*tracepb.ResourceSpans) error {
	c.mu.Lock()
	c.tries = append(c.tries, time.Now())
	hangs := c.hangs
	c.mu.Unlock()
	if hangs != nil {
		select {
		case <-hangs:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	names := namesOf(batch)
	switch {
	case c.answer != nil:
		return c.answer
	case slices.Contains(names, c.refuses):
		return errRefused
	}
	for _, part := range batch { // a batch is one of these; several may come in one request
		c.batches = append(c.batches, namesOf([]*tracepb.ResourceSpans{part}))
	}
	if c.forgets {
		return context.DeadlineExceeded
	}
	return nil
}

func (c *collector) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *collector) goAway()   { c.set(func() { c.answer = errAway }) }
func (c *collector) comeBack() { c.set(func() { c.answer = nil }) }

// took returns the first spans of the batches that were taken.
func (c *collector) took() (first []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, names := range c.batches {
		first = append(first, names[0])
	}
	return first
}

// batch returns spans named after a number, "7.0" and so on.
func batch(number, spans int) []*tracepb.ResourceSpans {
	scope := &tracepb.ScopeSpans{}
	for i := range spans {
		scope.Spans = append(scope.Spans, &tracepb.Span{Name: fmt.Sprintf("%d.%d", number, i), TraceId: make([]byte, 16), SpanId: make([]byte, 8)})
	}
	return []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{scope}}}
}

// firsts are the first spans of the batches from first to last.
func firsts(first, last int) (names []string) {
	for n := first; n <= last; n++ {
		names = append(names, fmt.Sprintf("%d.0", n))
	}
	return names
}

func namesOf(batch []*tracepb.ResourceSpans) (names []string) {
	for _, resource := range batch {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				names = append(names, span.GetName())
			}
		}
	}
	return names
}

// sizeOf returns how large the file of a batch is.
func sizeOf(tb testing.TB, spans []*tracepb.ResourceSpans) int64 {
	tb.Helper()
	file, err := spool.Encode(spans, spool.Count(spans))
	if err != nil {
		tb.Fatal(err)
	}
	return int64(len(file))
}

// journal keeps what is logged.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, string(line))
	return len(line), nil
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// wants checks which lines contain text, and how often.
func (j *journal) wants(t *testing.T, want int, text string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	got := 0
	for _, line := range j.lines {
		if strings.Contains(line, text) {
			got++
		}
	}
	if got != want {
		t.Errorf("%q was logged %d times, want %d, in:\n%s", text, got, want, strings.Join(j.lines, ""))
	}
}

func open(tb testing.TB, c *collector, options spool.Options) *spool.Client {
	tb.Helper()
	if options.Limit == 0 {
		options.Limit = 1 << 30
	}
	client, err := spool.New(c, options)
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

func start(t *testing.T, c *collector, options spool.Options) *spool.Client {
	t.Helper()
	client := open(t, c, options)
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return client
}

func upload(t *testing.T, client *spool.Client, first, last, spans int) {
	t.Helper()
	for n := first; n <= last; n++ {
		if err := client.UploadTraces(t.Context(), batch(n, spans)); err != nil {
			t.Fatal(err)
		}
	}
}

// finish stops a client that has nothing left to send.
func finish(t *testing.T, client *spool.Client) {
	t.Helper()
	if err := client.Flush(after(t, 24*time.Hour)); err != nil {
		t.Errorf("Flush: %v", err)
	}
	if err := client.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if client.Bytes() != 0 {
		t.Errorf("%d bytes are left on disk", client.Bytes())
	}
}

// after returns a context that ends after d, without a function to cancel it.
func after(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// files returns the names in a directory that end in suffix.
func files(t *testing.T, dir, suffix string) (names []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		names = append(names, filepath.Base(path))
	}
	return names
}

// breakDisk makes the directory refuse the next batches: what is to be written has the name of a directory.
func breakDisk(t *testing.T, dir string, client *spool.Client, batches int) (mend func()) {
	t.Helper()
	var blocked []string
	for n := range batches {
		path := filepath.Join(dir, fmt.Sprintf("%020d.temporary", client.Sequence()+1+uint64(n)))
		if err := os.MkdirAll(filepath.Join(path, "blocked"), 0o700); err != nil {
			continue // a file by that name is just being written
		}
		blocked = append(blocked, path)
	}
	return func() {
		for _, path := range blocked {
			_ = os.RemoveAll(path) // it may have become a file since
		}
	}
}

func mustFail(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}
