package history

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"squarewatch/probe"
)

// drawn is a run whose latency, and perhaps whose phases, a summary counts.
type drawn struct {
	latency int64
	phases  string
}

func drawRuns(t *rapid.T) []drawn {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) drawn {
		d := drawn{latency: rapid.Int64Range(0, 100_000_000).Draw(t, "latency")}
		if rapid.Bool().Draw(t, "detailed") {
			d.phases = fmt.Sprintf(`{"dns": %d, "wait": %d}`, d.latency/3, d.latency-d.latency/3)
		}
		return d
	}), 0, 300).Draw(t, "runs")
}

func summaryOfRuns(runs []drawn) *summary {
	sum := newSummary()
	for _, r := range runs {
		sum.count(r.latency, []byte(r.phases))
	}
	return sum
}

func TestAPercentileIsOffByFewPercentAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runs := drawRuns(t)
		var exact []int64
		for _, r := range runs {
			exact = append(exact, r.latency)
		}
		slices.Sort(exact)
		got := summaryOfRuns(runs).latencies
		for _, hundredths := range []int{50, 95, 99, 100} {
			want, is := percentile(exact, hundredths), got.percentile(int64(hundredths))
			if off := (is - want).Abs(); float64(off) > 0.044*float64(want)+1000 { // whole microseconds
				t.Errorf("p%d of %v: want %v and 4.4 %% around it, got %v", hundredths, exact, want, is)
			}
		}
	})
}

func TestSummariesOfPartsAddUpToThatOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runs, parts := drawRuns(t), map[int][]drawn{}
		for _, r := range runs {
			hour := rapid.IntRange(0, 23).Draw(t, "hour")
			parts[hour] = append(parts[hour], r)
		}
		got := newSummary()
		for _, some := range parts {
			stored, err := readSummary(summaryOfRuns(some).encode())
			if err != nil {
				t.Fatal(err)
			}
			got.add(stored)
		}
		if diff := cmp.Diff(summaryOfRuns(runs), got, cmp.AllowUnexported(summary{})); diff != "" {
			t.Errorf("-all +parts:\n%s", diff)
		}
	})
}

// TestTheFormOfASummary fails when another form needs another version.
func TestTheFormOfASummary(t *testing.T) {
	want := []probe.PhaseKind{"dns", "connect", "tls", "send", "wait", "receive"}
	if diff := cmp.Diff(want, probe.PhaseKinds()); diff != "" {
		t.Errorf("the phases are stored in this order; -want +got:\n%s", diff)
	}
	sum := newSummary()
	sum.count(100_000, []byte(`{"dns": 1000, "wait": 99000}`))
	sum.count(100_000, nil)
	sum.count(400_000, nil)
	// Version 1; one run with phases; 1000, 0, 0, 0, 99000, 0; bucket 133 twice; 15 empty ones; bucket 149 once.
	bytes := []byte{1, 1, 0xe8, 7, 0, 0, 0, 0xb8, 0x85, 6, 0, 0x85, 1, 2, 0, 14, 1}
	if got := sum.encode(); !slices.Equal(got, bytes) {
		t.Errorf("want % x, got % x", bytes, got)
	}
}

func FuzzSummary(f *testing.F) {
	f.Add(newSummary().encode())
	f.Add(summaryOfRuns([]drawn{{100_000, `{"dns": 1000, "wait": 99000}`}, {1_500_000, ""}, {0, ""}}).encode())
	f.Add([]byte{1, 0, 5, 0, 0, 0, 0, 3})
	f.Add([]byte{1, 0, 0xce, 3, 48}) // a bucket beyond the highest
	f.Add([]byte{1, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, stored []byte) {
		sum, err := readSummary(stored)
		if err != nil {
			return
		}
		again, err := readSummary(sum.encode())
		if diff := cmp.Diff(sum, again, cmp.AllowUnexported(summary{})); err != nil || diff != "" {
			t.Fatalf("what was read is not read again: %v, -first +second:\n%s", err, diff)
		}
		runs, last := sum.latencies.runs(), sum.latencies.percentile(0)
		if runs < 0 || runs > maxCount {
			t.Fatalf("want 0 to %d runs, got %d", maxCount, runs)
		}
		for _, hundredths := range []int64{50, 95, 99, 100} {
			p := sum.latencies.percentile(hundredths)
			if p < last || runs > 0 && p <= 0 {
				t.Fatalf("p%d is %v, after %v", hundredths, p, last)
			}
			last = p
		}
	})
}
