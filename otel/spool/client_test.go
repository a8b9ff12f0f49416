package spool_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/otel/spool"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/sys/unix"
)

func TestHealthyCollectorGetsEverythingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, c := filepath.Join(t.TempDir(), "made", "here"), &collector{}
		client := start(t, c, spool.Options{Dir: dir})
		<-time.After(time.Second)
		before := time.Now()
		upload(t, client, 1, 100, 3)
		if err := client.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(before); took > 0 {
			t.Errorf("want no delay for a healthy collector, got %v", took)
		}
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("want mode 0700 of the directory, got %v (%v)", info.Mode(), err)
		}
		finish(t, client)
		if diff := cmp.Diff(firsts(1, 100), c.accepted()); diff != "" {
			t.Error(diff)
		}
		if c.stops != 1 || client.LastFailure() != nil || client.Dropped() != 0 {
			t.Errorf("want 1 stop, no failure and nothing dropped, got %d, %v and %d", c.stops, client.LastFailure(), client.Dropped())
		}
	})
}

func TestOutageLosesNothingAndKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, logs := &collector{}, &logBuffer{}
		client := start(t, c, spool.Options{Dir: t.TempDir(), Logger: logs.logger()})
		upload(t, client, 1, 5, 2)
		synctest.Wait()
		c.goDown()
		upload(t, client, 6, 50, 2)
		<-time.After(10 * time.Minute)
		wantError(t, client.LastFailure(), errUnavailable)
		if client.Bytes() == 0 {
			t.Error("want spans on disk, got none")
		}
		wantError(t, client.Flush(after(t, time.Minute)), errUnavailable)
		c.comeBack()
		finish(t, client)
		if diff := cmp.Diff(firsts(1, 50), c.accepted()); diff != "" {
			t.Error(diff)
		}
		logs.wantLines(t, 1, "do not reach the collector")
		logs.wantLines(t, 1, `spans reach the collector again" batches_waited=45`)
		logs.wantLines(t, 2, "")
		if client.LastFailure() != nil {
			t.Error(client.LastFailure())
		}
	})
}

func TestTriesBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{failure: errUnavailable}
		client := start(t, c, spool.Options{Dir: t.TempDir()})
		upload(t, client, 1, 1, 1)
		<-time.After(time.Hour)
		synctest.Wait()
		if n := len(c.tries); n < 300 || n > 450 {
			t.Errorf("want about 360 tries in an hour, got %d", n)
		}
		for i := 1; i < len(c.tries); i++ {
			gap := c.tries[i].Sub(c.tries[i-1])
			if gap < time.Second || gap > 12*time.Second || i > 6 && gap < 8*time.Second {
				t.Errorf("want try %d after 1 to 12 s, got %v", i, gap)
			}
		}
		c.comeBack()
		before := time.Now()
		finish(t, client)
		if took := time.Since(before); took > time.Second {
			t.Errorf("want Flush to try at once, got %v", took)
		}
	})
}

func TestBacklogIsSentAtALimitedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{failure: errUnavailable}
		client := start(t, c, spool.Options{Dir: t.TempDir()})
		upload(t, client, 1, 1000, 1)
		synctest.Wait()
		c.comeBack()
		finish(t, client)
		if n := len(c.tries); n < 10 || n > 13 { // of 100 batches each, after the first one that failed
			t.Errorf("want about 11 requests for 1,000 batches, got %d", n)
		}
		if diff := cmp.Diff(firsts(1, 1000), c.accepted()); diff != "" {
			t.Error(diff)
		}
		for i := 2; i < len(c.tries); i++ {
			if gap := c.tries[i].Sub(c.tries[i-1]); gap < 19*time.Millisecond || gap > 21*time.Millisecond {
				t.Fatalf("want request %d 20 ms after the one before, got %v", i, gap)
			}
		}
	})
}

func TestUploadToHangingCollectorTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{hangs: make(chan struct{})}
		client := start(t, c, spool.Options{Dir: t.TempDir()})
		upload(t, client, 1, 3, 1)
		<-time.After(31 * time.Second)
		wantError(t, client.LastFailure(), context.DeadlineExceeded)
		close(c.hangs)
		finish(t, client)
		if diff := cmp.Diff(firsts(1, 3), c.accepted()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFullSpoolDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, logs, dir := &collector{failure: errUnavailable}, &logBuffer{}, t.TempDir()
		limit := 4 * sizeOf(t, newBatch(10, 7))
		client := start(t, c, spool.Options{Dir: dir, Limit: limit, Logger: logs.logger()})
		upload(t, client, 10, 19, 7)
		synctest.Wait() // a batch that is being sent is counted when its upload has failed
		if client.Dropped() != 6*7 || client.Bytes() != limit || len(files(t, dir, ".spans")) != 4 {
			t.Errorf("want 42 spans dropped, %d bytes and 4 files, got %d, %d and %v",
				limit, client.Dropped(), client.Bytes(), files(t, dir, ".spans"))
		}
		upload(t, client, 20, 20, 1000)
		if client.Dropped() != 1042 || client.Bytes() != limit {
			t.Errorf("want 1042 spans dropped and %d bytes: one batch is larger than the spool; got %d and %d",
				limit, client.Dropped(), client.Bytes())
		}
		c.comeBack()
		finish(t, client)
		if diff := cmp.Diff(firsts(16, 19), c.accepted()); diff != "" {
			t.Error(diff)
		}
		logs.wantLines(t, 1, "the spool is full")
		logs.wantLines(t, 1, "cannot be stored and is dropped")
	})
}

// TestBatchEvictedWhileItIsSent evicts a batch that is being sent. Its spans are dropped only if the collector does not accept them.
func TestBatchEvictedWhileItIsSent(t *testing.T) {
	for name, failure := range map[string]error{"accepted": nil, "failed": errUnavailable, "rejected": errRejected} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, logs := &collector{hangs: make(chan struct{})}, &logBuffer{}
				client := start(t, c, spool.Options{Dir: t.TempDir(), Limit: sizeOf(t, newBatch(1, 5)), Logger: logs.logger()})
				synctest.Wait() // the sender finds no backlog, so it does not limit its rate
				upload(t, client, 1, 1, 5)
				synctest.Wait()
				upload(t, client, 2, 3, 5)
				if client.Dropped() != 5 {
					t.Errorf("want the 5 spans of batch 2 dropped, got %d", client.Dropped())
				}
				c.set(func() { c.failure = failure })
				close(c.hangs)
				synctest.Wait()
				c.comeBack()
				_ = client.Flush(t.Context())
				finish(t, client)
				want, dropped := firsts(1, 1), int64(5)
				if failure != nil {
					want, dropped = nil, 10
				}
				if failure == errRejected { //nolint:errorlint // it is that value
					dropped = 15
				} else {
					want = append(want, "3.0")
				}
				if diff := cmp.Diff(want, c.accepted()); diff != "" || client.Dropped() != dropped {
					t.Errorf("%d dropped, want %d; %s", client.Dropped(), dropped, diff)
				}
				logs.wantLines(t, 0, "damaged")
			})
		})
	}
}

func TestRejectedBatchDoesNotBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, logs := &collector{failure: errUnavailable, rejects: "2.0"}, &logBuffer{}
		client := start(t, c, spool.Options{Dir: t.TempDir(), Logger: logs.logger()})
		upload(t, client, 1, 3, 4)
		synctest.Wait()
		c.comeBack()
		wantError(t, client.Flush(t.Context()), errRejected)
		finish(t, client)
		if diff := cmp.Diff([]string{"1.0", "3.0"}, c.accepted()); diff != "" || client.Dropped() != 4 {
			t.Errorf("%d dropped, want 4; %s", client.Dropped(), diff)
		}
		logs.wantLines(t, 1, "the collector rejected them")
	})
}

func TestLoggedErrorsAreShortAndHoldNoSpanNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, logs := &collector{failure: context.DeadlineExceeded}, &logBuffer{}
		c.failure = &os.PathError{Op: "export", Path: strings.Repeat("é", 10_000), Err: errUnavailable}
		client := start(t, c, spool.Options{Dir: t.TempDir(), Logger: logs.logger()})
		upload(t, client, 1, 1, 1)
		synctest.Wait()
		if len(logs.lines) != 1 || len(logs.lines[0]) > 700 || strings.Contains(logs.lines[0], "1.0") {
			t.Errorf("logged %q", logs.lines)
		}
		client.Kill()
	})
}

func TestSpansWaitInMemoryWhileTheDiskRefusesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, logs, dir := &collector{failure: errUnavailable}, &logBuffer{}, t.TempDir()
		client := start(t, c, spool.Options{Dir: dir, Logger: logs.logger()})
		upload(t, client, 1, 2, 3)
		onDisk := client.Bytes()
		repair := breakDisk(t, dir, client, 1)
		upload(t, client, 3, 5, 3)
		if client.Bytes() != onDisk || client.MemoryBytes() != 3*sizeOf(t, newBatch(3, 3)) {
			t.Errorf("want %d bytes on disk and 3 batches in memory, got %d and %d bytes", onDisk, client.Bytes(), client.MemoryBytes())
		}
		repair()
		upload(t, client, 6, 6, 3)
		if client.MemoryBytes() != 0 || len(files(t, dir, ".spans")) != 6 {
			t.Errorf("want nothing in memory when the disk works again, and 6 files, got %d bytes and %v",
				client.MemoryBytes(), files(t, dir, ".spans"))
		}
		breakDisk(t, dir, client, 1)
		upload(t, client, 7, 8, 3)
		c.comeBack()
		finish(t, client)
		if diff := cmp.Diff(firsts(1, 8), c.accepted()); diff != "" || client.Dropped() != 0 {
			t.Errorf("%d dropped; %s", client.Dropped(), diff)
		}
		logs.wantLines(t, 2, "the disk refuses spans")
		logs.wantLines(t, 1, "the disk accepts spans again")
	})
}

func TestMemoryIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, logs, dir := &collector{failure: errUnavailable}, &logBuffer{}, t.TempDir()
		client := start(t, c, spool.Options{Dir: dir, Logger: logs.logger()})
		limit := 5 * sizeOf(t, newBatch(10, 3))
		client.LimitMemory(limit)
		breakDisk(t, dir, client, 1000)
		upload(t, client, 10, 90, 3)
		if client.MemoryBytes() != limit || client.Dropped() != 76*3 {
			t.Errorf("want %d bytes in memory and %d dropped, got %d and %d", limit, 76*3, client.MemoryBytes(), client.Dropped())
		}
		logs.wantLines(t, 1, "the disk refuses spans")
		logs.wantLines(t, 1, "the memory for them is full")
		if err := client.Stop(after(t, time.Second)); err != nil {
			t.Error(err)
		}
		if client.Dropped() != 81*3 {
			t.Errorf("want all %d dropped at the end, got %d", 81*3, client.Dropped())
		}
		logs.wantLines(t, 1, "neither the collector nor the disk accepted them")
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, logs, dir := &collector{failure: errUnavailable}, &logBuffer{}, t.TempDir()
		client := start(t, c, spool.Options{Dir: dir, Logger: logs.logger()})
		upload(t, client, 1, 4, 1)
		before := time.Now()
		if err := client.Stop(after(t, 5*time.Second)); err != nil {
			t.Errorf("want a clean stop while the collector is down, got %v", err)
		}
		if took := time.Since(before); took != 4*time.Second || c.stops != 1 {
			t.Errorf("want Stop to take 4 s and to stop the wrapped client once, got %v and %d", took, c.stops)
		}
		logs.wantLines(t, 1, `are left on disk and are sent after the next start" batches=4`)
		if err := client.UploadTraces(t.Context(), newBatch(5, 2)); err == nil || client.Dropped() != 2 {
			t.Errorf("want an error after Stop and 2 spans dropped, got %v and %d", err, client.Dropped())
		}
		if err := client.Stop(t.Context()); err != nil {
			t.Errorf("second Stop: %v", err)
		}
		if err := client.Flush(t.Context()); err == nil {
			t.Error("want an error from Flush of a stopped client with unsent spans, got nil")
		}

		c.comeBack()
		client = start(t, c, spool.Options{Dir: dir, Logger: logs.logger()})
		logs.wantLines(t, 1, `of an earlier process are on disk and are sent now" batches=4`)
		if err := client.Stop(t.Context()); err != nil { // without Flush
			t.Error(err)
		}
		if diff := cmp.Diff(firsts(1, 4), c.accepted()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStartOnlyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, dir := &collector{}, t.TempDir()
		client := open(t, c, spool.Options{Dir: dir})
		upload(t, client, 1, 2, 1)
		wantError(t, client.Flush(after(t, time.Second)), context.DeadlineExceeded)
		if err := client.Stop(t.Context()); err != nil || c.stops != 0 {
			t.Errorf("want no error and no stop of a client that was not started, got %v and %d", err, c.stops)
		}
		if err := client.Start(t.Context()); err == nil {
			t.Error("want an error from Start after Stop, got nil")
		}
		client = start(t, c, spool.Options{Dir: dir})
		if err := client.Start(t.Context()); err == nil {
			t.Error("want an error from the second Start, got nil")
		}
		finish(t, client)
		if diff := cmp.Diff(firsts(1, 2), c.accepted()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	dir := t.TempDir()
	for name, options := range map[string]spool.Options{"no directory": {Limit: 1}, "no limit": {Dir: dir}} {
		if _, err := spool.New(&collector{}, options); err == nil {
			t.Errorf("%s: want an error, got nil", name)
		}
	}
	if _, err := spool.New(nil, spool.Options{Dir: dir, Limit: 1}); err == nil {
		t.Error("no client: want an error, got nil")
	}
}

// TestBatchThatCannotBeEncoded uploads a text that is not UTF-8, which protobuf cannot encode.
func TestBatchThatCannotBeEncoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, logs := &collector{}, &logBuffer{}
		client := start(t, c, spool.Options{Dir: t.TempDir(), Logger: logs.logger()})
		bad := newBatch(1, 3)
		bad[0].ScopeSpans[0].Spans[1].Name = "\xff"
		if err := client.UploadTraces(t.Context(), bad); err != nil {
			t.Error(err)
		}
		upload(t, client, 2, 2, 1)
		finish(t, client)
		if diff := cmp.Diff(firsts(2, 2), c.accepted()); diff != "" || client.Dropped() != 3 {
			t.Errorf("%d dropped, want 3; %s", client.Dropped(), diff)
		}
		logs.wantLines(t, 1, "cannot be stored and is dropped")
	})
}

// TestBatchSentWhileItIsWritten sends a batch from memory while it is being written to disk.
func TestBatchSentWhileItIsWritten(t *testing.T) {
	c, dir := &collector{hangs: make(chan struct{})}, t.TempDir()
	client := start(t, c, spool.Options{Dir: dir})
	repair := breakDisk(t, dir, client, 1)
	upload(t, client, 1, 1, 5000) // more than fits into a pipe
	repair()
	pipe := filepath.Join(dir, "00000000000000000001.temporary")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	flushed := make(chan error, 1)
	go func() { flushed <- client.Flush(t.Context()) }()
	var second sync.WaitGroup
	second.Go(func() { upload(t, client, 2, 2, 2) })
	reader, err := os.Open(pipe) // blocks until the writer has opened the pipe; the writer then blocks until it is read
	if err != nil {
		t.Fatal(err)
	}
	close(c.hangs)
	if err := <-flushed; err != nil {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, reader); err != nil {
		t.Error(err)
	}
	second.Wait()
	_ = reader.Close()
	finish(t, client)
	if diff := cmp.Diff(firsts(1, 2), c.accepted()); diff != "" || len(files(t, dir, ".spans")) != 0 {
		t.Errorf("files %v are left; %s", files(t, dir, ".spans"), diff)
	}
}

// TestConcurrentUploads uploads from several goroutines while the disk and the collector fail and recover.
func TestConcurrentUploads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const uploaders, batches = 4, 150
		c, dir := &collector{}, t.TempDir()
		client := start(t, c, spool.Options{Dir: dir})
		var wait sync.WaitGroup
		for u := range uploaders {
			wait.Go(func() { upload(t, client, u*1000+1, u*1000+batches, 2) })
		}
		wait.Go(func() {
			for range 50 {
				c.goDown()
				repair := breakDisk(t, dir, client, 3)
				c.comeBack()
				repair()
			}
		})
		wait.Wait()
		finish(t, client)
		seen := make(map[string]int)
		for _, first := range c.accepted() {
			seen[first]++
		}
		for u := range uploaders {
			for _, first := range firsts(u*1000+1, u*1000+batches) {
				if seen[first] != 1 {
					t.Errorf("want batch %s once, got %d times", first, seen[first])
				}
			}
		}
		if client.Dropped() != 0 || client.MemoryBytes() != 0 || len(files(t, dir, ".spans")) != 0 {
			t.Errorf("want nothing dropped or left, got %d dropped, %d bytes in memory and files %v",
				client.Dropped(), client.MemoryBytes(), files(t, dir, ".spans"))
		}
	})
}

// TestShutdownOfTheSDKWritesSpansToDisk checks that the spans that the SDK exports when it is shut down are on disk afterwards.
func TestShutdownOfTheSDKWritesSpansToDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, dir := &collector{failure: errUnavailable}, t.TempDir()
		exporter, err := otlptrace.New(t.Context(), open(t, c, spool.Options{Dir: dir}))
		if err != nil {
			t.Fatal(err)
		}
		provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
		for n := range 3 {
			_, span := provider.Tracer("").Start(t.Context(), fmt.Sprintf("%d.0", n+1))
			span.End()
		}
		if err := provider.Shutdown(after(t, 5*time.Second)); err != nil {
			t.Error(err)
		}
		c.comeBack()
		finish(t, start(t, c, spool.Options{Dir: dir}))
		if diff := cmp.Diff([][]string{firsts(1, 3)}, c.batches); diff != "" {
			t.Error(diff)
		}
	})
}

// BenchmarkUploadTraces measures what a batch of 1,000 spans costs the SDK's goroutine.
func BenchmarkUploadTraces(b *testing.B) {
	client := open(b, &collector{}, spool.Options{Dir: b.TempDir(), Limit: 64 << 20})
	spans := newBatch(1, 1000)
	for _, span := range spans[0].ScopeSpans[0].Spans {
		span.Name = strings.Repeat("attributes ", 40)
	}
	b.SetBytes(sizeOf(b, spans))
	b.ReportAllocs()
	for b.Loop() {
		if err := client.UploadTraces(b.Context(), spans); err != nil {
			b.Fatal(err)
		}
	}
	client.Kill()
}

// TestRejectedRequestIsSentBatchByBatch sends many batches in one request, of which the collector rejects one.
func TestRejectedRequestIsSentBatchByBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{failure: errUnavailable}
		client := start(t, c, spool.Options{Dir: t.TempDir()})
		upload(t, client, 1, 30, 2)
		synctest.Wait()
		c.set(func() { c.failure, c.rejects = nil, "17.1" })
		_ = client.Flush(after(t, time.Hour)) // returns that spans were dropped
		if err := client.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(append(firsts(1, 16), firsts(18, 30)...), c.accepted()); diff != "" {
			t.Error(diff)
		}
		if want, got := int64(2), client.Dropped(); want != got {
			t.Errorf("want %d spans dropped, got %d", want, got)
		}
	})
}
