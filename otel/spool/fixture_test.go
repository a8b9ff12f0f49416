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

	"squarewatch/otel/encoded"
	"squarewatch/otel/spool"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

var (
	errUnavailable = status.Error(codes.Unavailable, "connection refused")
	errRejected    = status.Error(codes.InvalidArgument, "a span without a name")
)

// collector is an OTLP client that keeps what it accepts.
type collector struct {
	mu             sync.Mutex
	failure        error         // of every upload
	rejects        string        // a request with a span of this name is rejected permanently
	losesResponses bool          // it accepts requests, but the response does not arrive
	hangs          chan struct{} // uploads block until it is closed
	tries          []time.Time
	batches        [][]string // names of the accepted spans
	stops          int
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
	names := namesOf(batch...)
	switch {
	case c.failure != nil:
		return c.failure
	case slices.Contains(names, c.rejects):
		return errRejected
	}
	for _, part := range batch { // one part is one batch; a request may hold several
		c.batches = append(c.batches, namesOf(part))
	}
	if c.losesResponses {
		return context.DeadlineExceeded
	}
	return nil
}

func (c *collector) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *collector) goDown()   { c.set(func() { c.failure = errUnavailable }) }
func (c *collector) comeBack() { c.set(func() { c.failure = nil }) }

// accepted returns the name of the first span of each accepted batch.
func (c *collector) accepted() (first []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, names := range c.batches {
		first = append(first, names[0])
	}
	return first
}

// newBatch returns spans whose names begin with a number, "7.0" and so on.
func newBatch(number, spans int) (request []byte) {
	scope := &tracepb.ScopeSpans{}
	for i := range spans {
		scope.Spans = append(scope.Spans, &tracepb.Span{
			Name: fmt.Sprintf("%d.%d", number, i), TraceId: make([]byte, 16), SpanId: make([]byte, 8),
		})
	}
	return encode(&tracepb.ResourceSpans{ScopeSpans: []*tracepb.ScopeSpans{scope}})
}

// encode returns a request.
func encode(spans ...*tracepb.ResourceSpans) []byte {
	request, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		panic(err) // of a test's own spans
	}
	return request
}

// firsts returns the names of the first spans of the batches from first to last.
func firsts(first, last int) (names []string) {
	for n := first; n <= last; n++ {
		names = append(names, fmt.Sprintf("%d.0", n))
	}
	return names
}

func namesOf(batch ...*tracepb.ResourceSpans) (names []string) {
	for _, unread := range batch {
		resource, err := encoded.Read(unread)
		if err != nil {
			return []string{err.Error()}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				names = append(names, span.GetName())
			}
		}
	}
	return names
}

// sizeOf returns the size of a batch's file in bytes.
func sizeOf(tb testing.TB, request []byte) int64 {
	tb.Helper()
	file, err := spool.Encode(request, 1)
	if err != nil {
		tb.Fatal(err)
	}
	return int64(len(file))
}

// logBuffer collects log lines.
type logBuffer struct {
	mu    sync.Mutex
	lines []string
}

func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, string(line))
	return len(line), nil
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// wantLines checks how many lines contain a text.
func (b *logBuffer) wantLines(t *testing.T, want int, text string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	got := 0
	for _, line := range b.lines {
		if strings.Contains(line, text) {
			got++
		}
	}
	if got != want {
		t.Errorf("want %d lines with %q, got %d in:\n%s", want, text, got, strings.Join(b.lines, ""))
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
		if err := client.Add(t.Context(), newBatch(n, spans), spans); err != nil {
			t.Fatal(err)
		}
	}
}

// finish flushes and stops a client, and checks that nothing is left on disk.
func finish(t *testing.T, client *spool.Client) {
	t.Helper()
	if err := client.Flush(after(t, 24*time.Hour)); err != nil {
		t.Errorf("Flush: %v", err)
	}
	if err := client.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if client.Bytes() != 0 {
		t.Errorf("want nothing left on disk, got %d bytes", client.Bytes())
	}
}

// after returns a context that ends after d or with the test.
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

// breakDisk makes the next batches fail to be written: it creates directories with the names of their files.
func breakDisk(t *testing.T, dir string, client *spool.Client, batches int) (repair func()) {
	t.Helper()
	var blocked []string
	for n := range batches {
		path := filepath.Join(dir, fmt.Sprintf("%020d.temporary", client.Sequence()+1+uint64(n)))
		if err := os.MkdirAll(filepath.Join(path, "blocked"), 0o700); err != nil {
			continue // a file of that name is being written now
		}
		blocked = append(blocked, path)
	}
	return func() {
		for _, path := range blocked {
			_ = os.RemoveAll(path) // it may be a file by now
		}
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("want error %v, got %v", want, err)
	}
}
