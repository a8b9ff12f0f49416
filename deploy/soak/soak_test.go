//go:build soak

package soak_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to read what the daemon keeps
)

var (
	length   = flag.Duration("length", 30*time.Minute, "how long faults go on")
	seed     = flag.Uint64("seed", 0, "draws the faults; 0 for the time of the start")
	plan     = flag.String("replay", "", "a `list` of faults that an earlier soak printed, instead of a seed")
	shrinks  = flag.Int("shrinks", 12, "how many plans a failure may play to find the shortest that fails")
	lateness = flag.Duration("lateness", 100*time.Millisecond, "how late 99 % of the runs may start")
)

// TestSoak plays the faults of a seed. When a promise is broken it prints what replays it, and cuts the faults down to the shortest list
// that still breaks the same promise.
func TestSoak(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	binary := filepath.Join(t.TempDir(), "squarewatch")
	if text, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/squarewatch").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	faults := draw(*seed, *length)
	if *plan != "" {
		var err error
		if faults, err = replay(*plan); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d: %d faults in %v", *seed, len(faults), *length)
	report := soak(t, binary, faults)
	t.Logf("%s", strings.Join(report.figures, "; "))
	if len(report.broken) == 0 {
		return
	}
	t.Errorf("seed %d breaks:\n%s", *seed, strings.Join(report.broken, "\n"))
	promise := promiseOf(report.broken[0])
	least := shrink(faults, *shrinks, func(some []fault) bool {
		for _, line := range soak(t, binary, some).broken {
			if promiseOf(line) == promise {
				return true
			}
		}
		return false
	})
	text, err := json.Marshal(least)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d faults still break it: %v\nreplay: go test -tags soak -timeout 0 ./deploy/soak -replay '%s'", len(least), len(faults),
		least, text)
}

// promiseOf returns the promise that a line of a report says to be broken.
func promiseOf(line string) string {
	promise, _, _ := strings.Cut(line, ":")
	return promise
}

// soak plays faults, and returns what came of them.
func soak(t *testing.T, binary string, faults []fault) report {
	t.Helper()
	s, err := newStage(t.Context(), binary, t.TempDir())
	defer s.close()
	if err != nil {
		t.Fatal(err)
	}
	if s.disk.without != "" {
		t.Logf("without faults of the disk: %s", s.disk.without)
	}
	if err := s.daemon.start(); err != nil {
		t.Fatalf("%v; it wrote:\n%s", err, s.daemon.log.String())
	}
	var r report
	used, unwatch := s.watch()
	if err := s.play(faults); err != nil {
		r.fails("the stage works", "%v", err)
	}
	r.settle(s)
	unwatch()
	if err := s.daemon.stop(); err != nil {
		r.fails("a stop succeeds", "%v", err)
	}
	r.check(t.Context(), s, used)
	if len(r.broken) > 0 {
		s.save(t, used)
	}
	return r
}

// save writes what shows why a promise was broken into the directory of go test -artifacts: what the daemon wrote, its database, what Slack
// got, and the stacks when there were most goroutines.
func (s *stage) save(t *testing.T, used *use) {
	t.Helper()
	var messages strings.Builder
	for _, m := range s.slack.Messages() {
		fmt.Fprintf(&messages, "%s %s\n%s\n", stamp(m.At), m.Text, m.Blocks)
	}
	files := map[string][]byte{
		"daemon.log": s.daemon.log.Bytes(), "slack.txt": []byte(messages.String()), "goroutines.txt": []byte(used.most.stacks),
	}
	for _, name := range []string{"squarewatch.db", "squarewatch.db-wal"} {
		files[name], _ = os.ReadFile(filepath.Join(s.disk.path, name)) // the WAL may be gone
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name), text, 0o600); err != nil {
			t.Error(err)
		}
	}
}
