//go:build bench

package bench_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestNothingGotDearer measures a part of the sweep, for about a minute, and compares it with what was recorded. It fails when squarewatch
// needs much more than then; the bounds are wide, because other programs may run beside it.
func TestNothingGotDearer(t *testing.T) {
	recorded, err := readRecording()
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t, newTarget(t), build(t)}
	both := []string{bare, everything}
	table, beyond := dearer(recorded, s.compare([]comparison{
		{plainFresh(), both, 3, 3 * time.Second}, {plainReuse(), both, 3, 3 * time.Second},
	}))
	fmt.Print(table)
	if len(beyond) > 0 {
		t.Errorf("squarewatch got dearer than allowed. If that is meant, make bench-record and commit it; else look at a profile:\n%s",
			strings.Join(beyond, "\n"))
	}
}
