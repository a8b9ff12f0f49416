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

func TestHealthyCollectorTakesEverythingAtOnce(t *testing.T) {
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
			t.Errorf("a healthy collector was kept waiting for %v", took)
		}
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the directory has mode %v (%v), want 0700", info.Mode(), err)
		}
		finish(t, client)
		if diff := cmp.Diff(firsts(1, 100), c.took()); diff != "" {
			t.Error(diff)
		}
		if c.stops != 1 || client.LastFailure() != nil || client.Dropped() != 0 {
			t.Errorf("stopped %d times, last failure %v, %d dropped", c.stops, client.LastFailure(), client.Dropped())
		}
	})
}

func TestOutageLosesNothingAndKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, log := &collector{}, &journal{}
		client := start(t, c, spool.Options{Dir: t.TempDir(), Logger: log.logger()})
		upload(t, client, 1, 5, 2)
		synctest.Wait()
		c.goAway()
		upload(t, client, 6, 50, 2)
		<-time.After(10 * time.Minute)
		mustFail(t, client.LastFailure(), errAway)
		if client.Bytes() == 0 {
			t.Error("nothing waits on disk")
		}
		mustFail(t, client.Flush(after(t, time.Minute)), errAway)
		c.comeBack()
		finish(t, client)
		if diff := cmp.Diff(firsts(1, 50), c.took()); diff != "" {
			t.Error(diff)
		}
		log.wants(t, 1, "do not arrive")
		log.wants(t, 1, `arrive at their collector again" batches_waited=45`)
		log.wants(t, 2, "")
		if client.LastFailure() != nil {
			t.Error(client.LastFailure())
		}
	})
}

func TestTriesBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{answer: errAway}
		client := start(t, c, spool.Options{Dir: t.TempDir()})
		upload(t, client, 1, 1, 1)
		<-time.After(time.Hour)
		synctest.Wait()
		if n := len(c.tries); n < 300 || n > 450 {
			t.Errorf("%d tries in an hour, want about 360", n)
		}
		for i := 1; i < len(c.tries); i++ {
			gap := c.tries[i].Sub(c.tries[i-1])
			if gap < time.Second || gap > 12*time.Second || i > 6 && gap < 8*time.Second {
				t.Errorf("try %d came after %v", i, gap)
			}
		}
		c.comeBack()
		before := time.Now()
		finish(t, client)
		if took := time.Since(before); took > time.Second {
			t.Errorf("Flush tried only after %v", took)
		}
	})
}

func TestBacklogLeavesAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{answer: errAway}
		client := start(t, c, spool.Options{Dir: t.TempDir()})
		upload(t, client, 1, 1000, 1)
		synctest.Wait()
		c.comeBack()
		finish(t, client)
		if n := len(c.tries); n < 10 || n > 13 { // of 100 batches each, after the first that failed
			t.Errorf("%d requests for 1,000 batches, want about 11", n)
		}
		if diff := cmp.Diff(firsts(1, 1000), c.took()); diff != "" {
			t.Error(diff)
		}
		for i := 2; i < len(c.tries); i++ {
			if gap := c.tries[i].Sub(c.tries[i-1]); gap < 19*time.Millisecond || gap > 21*time.Millisecond {
				t.Fatalf("request %d came %v after the one before, want 20ms", i, gap)
			}
		}
	})
}

func TestCollectorThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{hangs: make(chan struct{})}
		client := start(t, c, spool.Options{Dir: t.TempDir()})
		upload(t, client, 1, 3, 1)
		<-time.After(31 * time.Second)
		mustFail(t, client.LastFailure(), context.DeadlineExceeded)
		close(c.hangs)
		finish(t, client)
		if diff := cmp.Diff(firsts(1, 3), c.took()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFullSpoolDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, log, dir := &collector{answer: errAway}, &journal{}, t.TempDir()
		limit := 4 * sizeOf(t, batch(10, 7))
		client := start(t, c, spool.Options{Dir: dir, Limit: limit, Logger: log.logger()})
		upload(t, client, 10, 19, 7)
		if client.Dropped() != 6*7 || client.Bytes() != limit || len(files(t, dir, ".spans")) != 4 {
			t.Errorf("%d spans dropped, %d bytes, files %v; want 42, %d and 4", client.Dropped(), client.Bytes(), files(t, dir, ".spans"), limit)
		}
		upload(t, client, 20, 20, 1000)
		if client.Dropped() != 1042 || client.Bytes() != limit {
			t.Errorf("%d spans dropped, want 1042 as one batch is larger than the spool; %d bytes", client.Dropped(), client.Bytes())
		}
		c.comeBack()
		finish(t, client)
		if diff := cmp.Diff(firsts(16, 19), c.took()); diff != "" {
			t.Error(diff)
		}
		log.wants(t, 1, "the spool is full")
		log.wants(t, 1, "cannot be kept and is dropped")
	})
}

// A batch that is on its way when it is pushed out is dropped only if it does not arrive.
func TestBatchOnItsWayIsCountedByItsEnd(t *testing.T) {
	for name, answer := range map[string]error{"arrives": nil, "fails": errAway, "is refused": errRefused} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, log := &collector{hangs: make(chan struct{})}, &journal{}
				client := start(t, c, spool.Options{Dir: t.TempDir(), Limit: sizeOf(t, batch(1, 5)), Logger: log.logger()})
				synctest.Wait() // nothing is left of before: there is no pace
				upload(t, client, 1, 1, 5)
				synctest.Wait()
				upload(t, client, 2, 3, 5)
				if client.Dropped() != 5 {
					t.Errorf("%d dropped, want the 5 of batch 2", client.Dropped())
				}
				c.set(func() { c.answer = answer })
				close(c.hangs)
				synctest.Wait()
				c.comeBack()
				_ = client.Flush(t.Context())
				finish(t, client)
				want, dropped := firsts(1, 1), int64(5)
				if answer != nil {
					want, dropped = nil, 10
				}
				if answer == errRefused { //nolint:errorlint // it is that one
					dropped = 15
				} else {
					want = append(want, "3.0")
				}
				if diff := cmp.Diff(want, c.took()); diff != "" || client.Dropped() != dropped {
					t.Errorf("%d dropped, want %d; %s", client.Dropped(), dropped, diff)
				}
				log.wants(t, 0, "damaged")
			})
		})
	}
}

func TestRefusedBatchDoesNotBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, log := &collector{answer: errAway, refuses: "2.0"}, &journal{}
		client := start(t, c, spool.Options{Dir: t.TempDir(), Logger: log.logger()})
		upload(t, client, 1, 3, 4)
		synctest.Wait()
		c.comeBack()
		mustFail(t, client.Flush(t.Context()), errRefused)
		finish(t, client)
		if diff := cmp.Diff([]string{"1.0", "3.0"}, c.took()); diff != "" || client.Dropped() != 4 {
			t.Errorf("%d dropped, want 4; %s", client.Dropped(), diff)
		}
		log.wants(t, 1, "refuses them for good")
	})
}

func TestNothingSecretAndNothingLongIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, log := &collector{answer: context.DeadlineExceeded}, &journal{}
		c.answer = &os.PathError{Op: "export", Path: strings.Repeat("é", 10_000), Err: errAway}
		client := start(t, c, spool.Options{Dir: t.TempDir(), Logger: log.logger()})
		upload(t, client, 1, 1, 1)
		synctest.Wait()
		if len(log.lines) != 1 || len(log.lines[0]) > 700 || strings.Contains(log.lines[0], "1.0") {
			t.Errorf("logged %q", log.lines)
		}
		client.Kill()
	})
}

func TestDiskThatRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, log, dir := &collector{answer: errAway}, &journal{}, t.TempDir()
		client := start(t, c, spool.Options{Dir: dir, Logger: log.logger()})
		upload(t, client, 1, 2, 3)
		onDisk := client.Bytes()
		mend := breakDisk(t, dir, client, 1)
		upload(t, client, 3, 5, 3)
		if client.Bytes() != onDisk || client.Held() != 3*sizeOf(t, batch(3, 3)) {
			t.Errorf("%d bytes on disk, want %d; %d in memory", client.Bytes(), onDisk, client.Held())
		}
		mend()
		upload(t, client, 6, 6, 3)
		if client.Held() != 0 || len(files(t, dir, ".spans")) != 6 {
			t.Errorf("%d bytes in memory though the disk works again, files %v", client.Held(), files(t, dir, ".spans"))
		}
		breakDisk(t, dir, client, 1)
		upload(t, client, 7, 8, 3)
		c.comeBack()
		finish(t, client)
		if diff := cmp.Diff(firsts(1, 8), c.took()); diff != "" || client.Dropped() != 0 {
			t.Errorf("%d dropped; %s", client.Dropped(), diff)
		}
		log.wants(t, 2, "the disk refuses spans")
		log.wants(t, 1, "the disk takes spans again")
	})
}

func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, log, dir := &collector{answer: errAway}, &journal{}, t.TempDir()
		client := start(t, c, spool.Options{Dir: dir, Logger: log.logger()})
		limit := 5 * sizeOf(t, batch(10, 3))
		client.LimitMemory(limit)
		breakDisk(t, dir, client, 1000)
		upload(t, client, 10, 90, 3)
		if client.Held() != limit || client.Dropped() != 76*3 {
			t.Errorf("%d bytes in memory, want %d; %d dropped, want %d", client.Held(), limit, client.Dropped(), 76*3)
		}
		log.wants(t, 1, "the disk refuses spans")
		log.wants(t, 1, "no more may wait in memory")
		if err := client.Stop(after(t, time.Second)); err != nil {
			t.Error(err)
		}
		if client.Dropped() != 81*3 {
			t.Errorf("%d dropped at the end, want all %d", client.Dropped(), 81*3)
		}
		log.wants(t, 1, "neither the collector nor the disk took them")
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, log, dir := &collector{answer: errAway}, &journal{}, t.TempDir()
		client := start(t, c, spool.Options{Dir: dir, Logger: log.logger()})
		upload(t, client, 1, 4, 1)
		before := time.Now()
		if err := client.Stop(after(t, 5*time.Second)); err != nil {
			t.Errorf("a collector that is away fails the stop: %v", err)
		}
		if took := time.Since(before); took != 4*time.Second || c.stops != 1 {
			t.Errorf("Stop took %v and stopped the client within %d times", took, c.stops)
		}
		log.wants(t, 1, `are left on disk and are sent after the next start" batches=4`)
		if err := client.UploadTraces(t.Context(), batch(5, 2)); err == nil || client.Dropped() != 2 {
			t.Errorf("error %v after Stop, %d dropped", err, client.Dropped())
		}
		if err := client.Stop(t.Context()); err != nil {
			t.Errorf("second Stop: %v", err)
		}
		if err := client.Flush(t.Context()); err == nil {
			t.Error("Flush of a stopped client that has not sent all returns nil")
		}

		c.comeBack()
		client = start(t, c, spool.Options{Dir: dir, Logger: log.logger()})
		log.wants(t, 1, `of an earlier process wait on disk and are sent now" batches=4`)
		if err := client.Stop(t.Context()); err != nil { // without Flush
			t.Error(err)
		}
		if diff := cmp.Diff(firsts(1, 4), c.took()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestNeverStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, dir := &collector{}, t.TempDir()
		client := open(t, c, spool.Options{Dir: dir})
		upload(t, client, 1, 2, 1)
		mustFail(t, client.Flush(after(t, time.Second)), context.DeadlineExceeded)
		if err := client.Stop(t.Context()); err != nil || c.stops != 0 {
			t.Errorf("error %v, %d stops of what was not started", err, c.stops)
		}
		if err := client.Start(t.Context()); err == nil {
			t.Error("started after Stop")
		}
		client = start(t, c, spool.Options{Dir: dir})
		if err := client.Start(t.Context()); err == nil {
			t.Error("started twice")
		}
		finish(t, client)
		if diff := cmp.Diff(firsts(1, 2), c.took()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	dir := t.TempDir()
	for name, options := range map[string]spool.Options{"no directory": {Limit: 1}, "no limit": {Dir: dir}} {
		if _, err := spool.New(&collector{}, options); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := spool.New(nil, spool.Options{Dir: dir, Limit: 1}); err == nil {
		t.Error("no client: no error")
	}
}

// Text that is no UTF-8 cannot be sent at all.
func TestBatchThatCannotBeEncoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, log := &collector{}, &journal{}
		client := start(t, c, spool.Options{Dir: t.TempDir(), Logger: log.logger()})
		bad := batch(1, 3)
		bad[0].ScopeSpans[0].Spans[1].Name = "\xff"
		if err := client.UploadTraces(t.Context(), bad); err != nil {
			t.Error(err)
		}
		upload(t, client, 2, 2, 1)
		finish(t, client)
		if diff := cmp.Diff(firsts(2, 2), c.took()); diff != "" || client.Dropped() != 3 {
			t.Errorf("%d dropped, want 3; %s", client.Dropped(), diff)
		}
		log.wants(t, 1, "cannot be kept and is dropped")
	})
}

// A batch may arrive from memory at the very moment in which the disk takes it after all.
func TestBatchThatArrivesWhileItIsWritten(t *testing.T) {
	c, dir := &collector{hangs: make(chan struct{})}, t.TempDir()
	client := start(t, c, spool.Options{Dir: dir})
	mend := breakDisk(t, dir, client, 1)
	upload(t, client, 1, 1, 5000) // more than fits into a pipe
	mend()
	pipe := filepath.Join(dir, "00000000000000000001.temporary")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	flushed := make(chan error, 1)
	go func() { flushed <- client.Flush(t.Context()) }()
	var second sync.WaitGroup
	second.Go(func() { upload(t, client, 2, 2, 2) })
	reader, err := os.Open(pipe) // waits for the writer, who then waits for what is read
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
	if diff := cmp.Diff(firsts(1, 2), c.took()); diff != "" || len(files(t, dir, ".spans")) != 0 {
		t.Errorf("files %v are left; %s", files(t, dir, ".spans"), diff)
	}
}

// Several hand over batches at once, while the disk and the collector come and go.
func TestManyAtOnce(t *testing.T) {
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
				c.goAway()
				mend := breakDisk(t, dir, client, 3)
				c.comeBack()
				mend()
			}
		})
		wait.Wait()
		finish(t, client)
		seen := make(map[string]int)
		for _, first := range c.took() {
			seen[first]++
		}
		for u := range uploaders {
			for _, first := range firsts(u*1000+1, u*1000+batches) {
				if seen[first] != 1 {
					t.Errorf("batch %s arrived %d times", first, seen[first])
				}
			}
		}
		if client.Dropped() != 0 || client.Held() != 0 || len(files(t, dir, ".spans")) != 0 {
			t.Errorf("%d dropped, %d bytes in memory, files %v", client.Dropped(), client.Held(), files(t, dir, ".spans"))
		}
	})
}

// The SDK hands over what it has when it is shut down, and that is on disk when the process ends.
func TestUnderTheSDK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, dir := &collector{answer: errAway}, t.TempDir()
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

// BenchmarkUploadTraces is what a batch of 1,000 spans costs the SDK's goroutine.
func BenchmarkUploadTraces(b *testing.B) {
	client := open(b, &collector{}, spool.Options{Dir: b.TempDir(), Limit: 64 << 20})
	spans := batch(1, 1000)
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

// TestOneRefusedBatchCostsNoOther lets many leave together, of which the collector refuses one for good.
func TestOneRefusedBatchCostsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{answer: errAway}
		client := start(t, c, spool.Options{Dir: t.TempDir()})
		upload(t, client, 1, 30, 2)
		synctest.Wait()
		c.set(func() { c.answer, c.refuses = nil, "17.1" })
		_ = client.Flush(after(t, time.Hour)) // says that spans were dropped
		if err := client.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(append(firsts(1, 16), firsts(18, 30)...), c.took()); diff != "" {
			t.Error(diff)
		}
		if want, got := int64(2), client.Dropped(); want != got {
			t.Errorf("want %d spans dropped, got %d", want, got)
		}
	})
}
