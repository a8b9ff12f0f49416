package spool_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"squarewatch/otel/spool"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestADiskThatHangsHoldsNothingUp has a named pipe in place of a file. A system call that opens it to write waits for a reader, as one
// waits for a disk that hangs. It runs in real time, because time in a bubble stops during a system call.
func TestADiskThatHangsHoldsNothingUp(t *testing.T) {
	c, logs, dir := &collector{}, &logBuffer{}, t.TempDir()
	client := start(t, c, spool.Options{Dir: dir, Logger: logs.logger()})
	pipe := filepath.Join(dir, fmt.Sprintf("%020d.temporary", client.Sequence()+1))
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	upload(t, client, 1, 20, 3)
	if err := client.Flush(after(t, 10*time.Second)); err != nil {
		t.Errorf("want spans sent while the disk hangs: %v", err)
	}
	logs.wantLines(t, 1, "the disk of the spool does not answer")
	reader, err := os.OpenFile(pipe, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	if _, err := io.Copy(io.Discard, reader); err != nil { // until the late write has ended
		t.Fatal(err)
	}
	c.goDown()
	n := 20
	for client.Bytes() == 0 && n < 10000 { // the file of the late write is removed first
		n++
		upload(t, client, n, n, 3)
	}
	logs.wantLines(t, 1, "the disk accepts spans again")
	c.comeBack()
	finish(t, client)
	if diff := cmp.Diff(firsts(1, n), c.accepted()); diff != "" || client.Dropped() != 0 {
		t.Errorf("%d dropped; %s", client.Dropped(), diff)
	}
	if left := files(t, dir, ".spans"); len(left) > 0 {
		t.Errorf("want no file left, got %v", left)
	}
}

func TestADirectoryThatCannotBeListedIsOpenedAgain(t *testing.T) {
	unlisted, again := spool.OpenAgain(t.TempDir())
	if unlisted == nil || again != nil {
		t.Errorf("want an error and then none, got %v and %v", unlisted, again)
	}
}

// TestTheDirectoryIsOpenedLater starts on a disk that cannot be used, and on which an earlier process left batches. A request is under way
// when the disk works again.
func TestTheDirectoryIsOpenedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := t.TempDir()
		dir, aside := filepath.Join(base, "spool"), filepath.Join(base, "aside")
		before := start(t, &collector{failure: errUnavailable}, spool.Options{Dir: dir})
		upload(t, before, 1, 3, 3)
		before.Kill()
		if err := os.Rename(dir, aside); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}

		c, logs := &collector{hangs: make(chan struct{})}, &logBuffer{}
		client := start(t, c, spool.Options{Dir: dir, Logger: logs.logger()})
		upload(t, client, 11, 12, 3)
		synctest.Wait() // the request with batch 11 is under way
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(aside, dir); err != nil {
			t.Fatal(err)
		}
		<-time.After(6 * time.Second)
		upload(t, client, 13, 13, 3)
		if got := len(files(t, dir, ".spans")); got != 6 || client.MemoryBytes() != 0 {
			t.Errorf("want all batches on disk, got %d files and %d bytes in memory", got, client.MemoryBytes())
		}
		close(c.hangs)
		c.set(func() { c.hangs = nil })
		finish(t, client)
		if diff := cmp.Diff(slices.Concat(firsts(11, 11), firsts(1, 3), firsts(12, 13)), c.accepted()); diff != "" || client.Dropped() != 0 {
			t.Errorf("%d dropped; %s", client.Dropped(), diff)
		}
		logs.wantLines(t, 1, "the disk refuses spans")
		logs.wantLines(t, 1, "the disk accepts spans again")
	})
}
