package spool_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/otel/spool"

	"github.com/google/go-cmp/cmp"
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
		if c.stops != 1 || client.State().Failure != nil || client.Dropped() != 0 {
			t.Errorf("want 1 stop, no failure and nothing dropped, got %d, %v and %d", c.stops, client.State().Failure, client.Dropped())
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
		wantError(t, client.State().Failure, errUnavailable)
		if s := client.State(); s.Batches == 0 || s.Failing.IsZero() {
			t.Errorf("want batches that wait, and since when, got %+v", s)
		}
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
		if s := client.State(); s != (spool.State{}) {
			t.Errorf("want nothing that waits, got %+v", s)
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
		wantError(t, client.State().Failure, context.DeadlineExceeded)
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

// BenchmarkAdd measures what a batch of 1,000 spans costs.
func BenchmarkAdd(b *testing.B) {
	client := open(b, &collector{}, spool.Options{Dir: b.TempDir(), Limit: 64 << 20})
	request := newBatch(1, 20_000)
	b.SetBytes(int64(len(request)))
	b.ReportAllocs()
	for b.Loop() {
		if err := client.Add(b.Context(), request, 1000); err != nil {
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
