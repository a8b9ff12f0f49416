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
		c, dir := &collector{answer: errAway}, t.TempDir()
		client := start(t, c, spool.Options{Dir: dir})
		upload(t, client, 1, 5, 2)
		if _, err := spool.New(c, spool.Options{Dir: dir, Limit: 1}); err == nil || !strings.Contains(err.Error(), "in use by another process") {
			t.Errorf("got error %v of a second client on the directory", err)
		}
		client.Kill()
		for _, name := range []string{"00000000000000000006.temporary", "notes.txt", "00000000000000000000.spans", "09223372036854775807.spans", "99999999999999999999.spans"} {
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
		if diff := cmp.Diff(firsts(1, 8), c.took()); diff != "" {
			t.Error(diff)
		}
		want := []string{"00000000000000000000.spans", "00000000000000000001.temporary", "09223372036854775807.spans", "99999999999999999999.spans", "lock", "notes.txt"}
		if diff := cmp.Diff(want, files(t, dir, "")); diff != "" {
			t.Errorf("files that are not ours: %s", diff)
		}
	})
}

// TestKilledProcess kills a real process in the middle of its work.
func TestKilledProcess(t *testing.T) {
	if dir := os.Getenv("SPOOL_TEST_DIR"); dir != "" {
		client := start(t, &collector{answer: errAway}, spool.Options{Dir: dir})
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
				t.Error("two processes share a directory")
			}
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // killed
	if written < 200 {
		t.Fatalf("the process wrote %d batches", written)
	}
	synctest.Test(t, func(t *testing.T) {
		client := start(t, c, spool.Options{Dir: dir})
		finish(t, client)
	})
	// The last may be on disk without having been announced.
	if got := c.took(); len(got) < written || len(got) > written+1 || !cmp.Equal(firsts(1, len(got)), got) {
		t.Errorf("%d batches arrived, want all %d in order", len(got), written)
	}
}

// damages are ways in which a file can go bad, and whether its header still tells how many spans it has.
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
				c, log, dir := &collector{}, &journal{}, t.TempDir()
				client := open(t, c, spool.Options{Dir: dir})
				upload(t, client, 1, 3, 2)
				client.Kill()
				damageFile(t, filepath.Join(dir, "00000000000000000002.spans"), damage.do)
				client = start(t, c, spool.Options{Dir: dir, Logger: log.logger()})
				_ = client.Flush(t.Context()) // says what was dropped
				finish(t, client)
				if diff := cmp.Diff([]string{"1.0", "3.0"}, c.took()); diff != "" {
					t.Error(diff)
				}
				want := int64(0)
				if damage.counted {
					want = 2
				}
				if client.Dropped() != want {
					t.Errorf("%d dropped, want %d", client.Dropped(), want)
				}
				log.wants(t, 1, "level=ERROR")
				log.wants(t, 1, "file=00000000000000000002.damaged")
				if diff := cmp.Diff([]string{"00000000000000000002.damaged"}, files(t, dir, ".damaged")); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// What goes bad while it waits was in good health when its spans were counted.
func TestFileThatGoesBadWhileItWaits(t *testing.T) {
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, log, dir := &collector{}, &journal{}, t.TempDir()
				client := open(t, c, spool.Options{Dir: dir, Logger: log.logger()})
				upload(t, client, 1, 3, 2)
				damageFile(t, filepath.Join(dir, "00000000000000000001.spans"), damage.do)
				if err := os.Remove(filepath.Join(dir, "00000000000000000002.spans")); err != nil {
					t.Fatal(err)
				}
				if err := client.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := client.Flush(t.Context()); err == nil {
					t.Error("Flush does not say that spans were lost")
				}
				finish(t, client)
				if diff := cmp.Diff([]string{"3.0"}, c.took()); diff != "" || client.Dropped() != 4 {
					t.Errorf("%d dropped, want 4; %s", client.Dropped(), diff)
				}
				log.wants(t, 2, "is set aside and not sent")
				if client.LastFailure() != nil {
					t.Errorf("a damaged file is held against the collector: %v", client.LastFailure())
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
				t.Errorf("kept %v, want the newest 10", kept)
			}
		}
	})
}

func TestLimitThatWasLowered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, dir := &collector{}, t.TempDir()
		client := open(t, c, spool.Options{Dir: dir})
		upload(t, client, 1, 9, 2)
		client.Kill()
		client = start(t, c, spool.Options{Dir: dir, Limit: 3 * sizeOf(t, batch(1, 2))})
		finish(t, client)
		if diff := cmp.Diff(firsts(7, 9), c.took()); diff != "" || client.Dropped() != 12 {
			t.Errorf("%d dropped, want 12; %s", client.Dropped(), diff)
		}
	})
}

func TestDirectoryThatCannotBeOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := spool.New(&collector{}, spool.Options{Dir: path, Limit: 1}); err == nil {
		t.Error("no error")
	}
}

// FuzzRead tries to get spans out of a file that is not exactly as it was written. Half of the files get checksums that
// are right, so that what comes after these is reached.
func FuzzRead(f *testing.F) {
	whole, err := spool.Encode(batch(1, 3), 3)
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
			t.Fatalf("got %d spans and error %v", spool.Count(spans), err)
		}
		if err != nil || len(file) > 2000 {
			return
		}
		// Every byte counts: what was read is not read any more when one bit of it is different, or its end is missing.
		for i := range file {
			if spans, err := spool.Decode(flip(i)(bytes.Clone(file))); err == nil {
				t.Fatalf("read %d spans although byte %d is wrong", spool.Count(spans), i)
			}
			if _, err := spool.Decode(file[:i]); err == nil {
				t.Fatalf("read spans from the first %d of %d bytes", i, len(file))
			}
		}
	})
}
