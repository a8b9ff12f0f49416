package spool_test

import (
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/otel/spool"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

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
