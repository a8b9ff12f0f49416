package spool_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"squarewatch/otel/spool"

	"github.com/google/go-cmp/cmp"
)

func TestKilledClientIsResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, dir := &collector{failure: errUnavailable}, t.TempDir()
		client := start(t, c, spool.Options{Dir: dir})
		upload(t, client, 1, 5, 2)
		if _, err := spool.New(c, spool.Options{Dir: dir, Limit: 1}); err == nil || !strings.Contains(err.Error(), "in use by another process") {
			t.Errorf("want a second client refused, got %v", err)
		}
		client.Kill()
		for _, name := range []string{
			"00000000000000000006.temporary", "notes.txt", "00000000000000000000.spans", "09223372036854775807.spans", "99999999999999999999.spans",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink("/etc/hostname", filepath.Join(dir, "00000000000000000001.temporary")); err != nil {
			t.Fatal(err)
		}
		c.comeBack()
		client = start(t, c, spool.Options{Dir: dir})
		upload(t, client, 6, 8, 2)
		finish(t, client)
		if diff := cmp.Diff(firsts(1, 8), c.accepted()); diff != "" {
			t.Error(diff)
		}
		want := []string{
			"00000000000000000000.spans", "00000000000000000001.temporary", "09223372036854775807.spans", "99999999999999999999.spans",
			"lock", "notes.txt",
		}
		if diff := cmp.Diff(want, files(t, dir, "")); diff != "" {
			t.Errorf("want only files that are not ours left: %s", diff)
		}
	})
}

// TestKilledProcess kills a real process while it writes batches.
func TestKilledProcess(t *testing.T) {
	if dir := os.Getenv("SPOOL_TEST_DIR"); dir != "" {
		client := start(t, &collector{failure: errUnavailable}, spool.Options{Dir: dir})
		for n := 1; ; n++ {
			upload(t, client, n, n, 10)
			fmt.Println("written", n)
		}
	}
	dir, c := t.TempDir(), &collector{}
	child := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
	child.Env = append(os.Environ(), "SPOOL_TEST_DIR="+dir)
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	written := 0
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if n, _ := fmt.Sscanf(lines.Text(), "written %d", &written); n == 1 && written == 200 {
			if _, err := spool.New(c, spool.Options{Dir: dir, Limit: 1}); err == nil {
				t.Error("want a second process refused, got no error")
			}
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // killed
	if written < 200 {
		t.Fatalf("want 200 batches written, got %d", written)
	}
	synctest.Test(t, func(t *testing.T) {
		client := start(t, c, spool.Options{Dir: dir})
		finish(t, client)
	})
	// The last batch may be on disk although the process was killed before it printed so.
	if got := c.accepted(); len(got) < written || len(got) > written+1 || !cmp.Equal(firsts(1, len(got)), got) {
		t.Errorf("want all %d batches in order, got %d", written, len(got))
	}
}

// damages are ways in which a file can be damaged, and whether its header still holds the number of spans.
var damages = map[string]struct {
	do      func(file []byte) []byte
	counted bool
}{
	"empty":                {func([]byte) []byte { return nil }, false},
	"zeros":                {func(file []byte) []byte { return make([]byte, len(file)) }, false},
	"cut in its header":    {func(file []byte) []byte { return file[:10] }, false},
	"cut in its spans":     {func(file []byte) []byte { return file[:len(file)-1] }, true},
	"longer":               {func(file []byte) []byte { return append(file, 0) }, true},
	"wrong magic":          {flip(3), false},
	"flipped version":      {flip(11), false},
	"flipped count":        {flip(15), false},
	"flipped length":       {flip(19), false},
	"flipped first span":   {flip(spool.HeaderSize), true},
	"flipped last of many": {flip(60), true},
}

func flip(at int) func([]byte) []byte {
	return func(file []byte) []byte {
		file[at] ^= 1
		return file
	}
}

func damageFile(t *testing.T, path string, do func([]byte) []byte) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, do(file), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedFileIsSetAside(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, logs, dir := &collector{}, &logBuffer{}, t.TempDir()
				client := open(t, c, spool.Options{Dir: dir})
				upload(t, client, 1, 3, 2)
				client.Kill()
				damageFile(t, filepath.Join(dir, "00000000000000000002.spans"), damage.do)
				client = start(t, c, spool.Options{Dir: dir, Logger: logs.logger()})
				_ = client.Flush(t.Context()) // returns that spans were dropped
				finish(t, client)
				if diff := cmp.Diff([]string{"1.0", "3.0"}, c.accepted()); diff != "" {
					t.Error(diff)
				}
				want := int64(0)
				if damage.counted {
					want = 2
				}
				if client.Dropped() != want {
					t.Errorf("want %d dropped, got %d", want, client.Dropped())
				}
				logs.wantLines(t, 1, "level=ERROR")
				logs.wantLines(t, 1, "file=00000000000000000002.damaged")
				if diff := cmp.Diff([]string{"00000000000000000002.damaged"}, files(t, dir, ".damaged")); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// TestFileDamagedWhileItWaits damages files after their spans were counted, so all lost spans must be counted.
func TestFileDamagedWhileItWaits(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, logs, dir := &collector{}, &logBuffer{}, t.TempDir()
				client := open(t, c, spool.Options{Dir: dir, Logger: logs.logger()})
				upload(t, client, 1, 3, 2)
				damageFile(t, filepath.Join(dir, "00000000000000000001.spans"), damage.do)
				if err := os.Remove(filepath.Join(dir, "00000000000000000002.spans")); err != nil {
					t.Fatal(err)
				}
				if err := client.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := client.Flush(t.Context()); err == nil {
					t.Error("want an error from Flush when spans were lost, got nil")
				}
				finish(t, client)
				if diff := cmp.Diff([]string{"3.0"}, c.accepted()); diff != "" || client.Dropped() != 4 {
					t.Errorf("%d dropped, want 4; %s", client.Dropped(), diff)
				}
				logs.wantLines(t, 2, "is set aside and not sent")
				if client.State().Failure != nil {
					t.Errorf("want no failure of the collector for a damaged file, got %v", client.State().Failure)
				}
			})
		})
	}
}

func TestFewDamagedFilesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, dir := &collector{}, t.TempDir()
		for round := range 2 {
			client := open(t, c, spool.Options{Dir: dir})
			upload(t, client, 1, 8, 1)
			client.Kill()
			for _, name := range files(t, dir, ".spans") {
				damageFile(t, filepath.Join(dir, name), damages["wrong magic"].do)
			}
			client = start(t, c, spool.Options{Dir: dir})
			finish(t, client)
			if kept := files(t, dir, ".damaged"); round == 1 && (len(kept) != 10 || kept[9] != "00000000000000000016.damaged") {
				t.Errorf("want the newest 10 kept, got %v", kept)
			}
		}
	})
}

func TestLoweredLimitDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, dir := &collector{}, t.TempDir()
		client := open(t, c, spool.Options{Dir: dir})
		upload(t, client, 1, 9, 2)
		client.Kill()
		client = start(t, c, spool.Options{Dir: dir, Limit: 3 * sizeOf(t, newBatch(1, 2))})
		finish(t, client)
		if diff := cmp.Diff(firsts(7, 9), c.accepted()); diff != "" || client.Dropped() != 12 {
			t.Errorf("%d dropped, want 12; %s", client.Dropped(), diff)
		}
	})
}

// FuzzRead decodes files that were not written by this program. Half of them get correct checksums, so that the code after the checksum
// test is reached.
func FuzzRead(f *testing.F) {
	whole, err := spool.Encode(newBatch(1, 3), 3)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, false)
	for _, damage := range damages {
		f.Add(damage.do(bytes.Clone(whole)), false)
		f.Add(damage.do(bytes.Clone(whole)), true)
	}
	f.Fuzz(func(t *testing.T, file []byte, seal bool) {
		if seal {
			file = spool.Seal(file)
		}
		spans, err := spool.Decode(file)
		if err != nil && spans != nil {
			t.Fatalf("got %d messages and error %v", len(spans), err)
		}
		if err != nil || len(file) > 2000 {
			return
		}
		// A file that can be decoded must not be decodable when one bit is different or its end is missing.
		for i := range file {
			if spans, err := spool.Decode(flip(i)(bytes.Clone(file))); err == nil {
				t.Fatalf("want an error when byte %[2]d is wrong, got %[1]d messages", len(spans), i)
			}
			if _, err := spool.Decode(file[:i]); err == nil {
				t.Fatalf("want an error from the first %d of %d bytes, got spans", i, len(file))
			}
		}
	})
}
