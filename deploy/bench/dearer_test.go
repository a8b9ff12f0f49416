package bench_test

import (
	"fmt"
	"strings"
	"testing"
)

// How many times as much as recorded a figure may be. docs/performance.md says why.
const (
	cpuAllowed    = 1.5
	memoryAllowed = 1.5
)

// dearer compares what squarewatch needs now with what was recorded. It returns a table, and the lines of it in which every turn is beyond
// the bound: on a busy machine some turns are.
func dearer(recorded recording, now []cell) (table string, beyond []string) {
	var text strings.Builder
	fmt.Fprintln(&text, "| what | recorded | now | allowed |\n| --- | --- | --- | --- |")
	for _, c := range now {
		for _, f := range []struct {
			name, unit string
			allowed    float64
		}{{timesBare, "× bare", cpuAllowed}, {resident, "MB", memoryAllowed}} {
			before, known := recorded.figure(c.setting, everything, f.name)
			if !known {
				beyond = append(beyond, fmt.Sprintf("%v was never recorded: make bench-record", c.setting))
				continue
			}
			got := c.Programs[everything][f.name]
			line := fmt.Sprintf("| %v, %s | %s | %s | %s |", c.setting, f.unit, withSpread(before), withSpread(got),
				number(before.Median*f.allowed))
			fmt.Fprintln(&text, line)
			if got.Low > before.Median*f.allowed {
				beyond = append(beyond, line)
			}
		}
	}
	return text.String(), beyond
}

// measuredIn returns what squarewatch needed in a setting.
func measuredIn(at setting, ratio, memory float64) cell {
	return cell{at, 1, map[string]figures{everything: summed([]sample{{timesBare: ratio, resident: memory}})}}
}

func TestWhatGotDearer(t *testing.T) {
	recorded := recording{Cells: []cell{measuredIn(plainFresh(), 1, 40), measuredIn(plainReuse(), 2, 50)}}
	for name, test := range map[string]struct {
		now  []cell
		want []string
	}{
		"nothing":       {[]cell{measuredIn(plainFresh(), 1.49, 59), measuredIn(plainReuse(), 1, 10)}, nil},
		"a run":         {[]cell{measuredIn(plainFresh(), 1.51, 40)}, []string{"fresh, × bare | 1.00 | 1.51 | 1.50 |"}},
		"memory":        {[]cell{measuredIn(plainReuse(), 2, 76)}, []string{"reuse, MB | 50.0 | 76.0 | 75.0 |"}},
		"both":          {[]cell{measuredIn(plainReuse(), 3.1, 80)}, []string{"reuse, × bare | 2.00 | 3.10 | 3.00 |", "reuse, MB |"}},
		"never a sweep": {[]cell{measuredIn(manyProbes(), 1, 40)}, []string{"never recorded", "never recorded"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, beyond := dearer(recorded, test.now)
			if len(beyond) != len(test.want) {
				t.Fatalf("want %d lines, got %q", len(test.want), beyond)
			}
			for i, want := range test.want {
				if !strings.Contains(beyond[i], want) {
					t.Errorf("want %q in %q", want, beyond[i])
				}
			}
		})
	}
}

func TestFiguresOfTurns(t *testing.T) {
	got := summed([]sample{{cpuPerRun: 3}, {cpuPerRun: 1.23456}, {cpuPerRun: 2, missed: 4}})
	if want := (spread{2, 1.235, 3}); got[cpuPerRun] != want {
		t.Errorf("want %v, got %v", want, got[cpuPerRun])
	}
	if want := (spread{4, 4, 4}); got[missed] != want {
		t.Errorf("want %v, got %v", want, got[missed])
	}
	if got := summed([]sample{{cpuPerRun: 1}, {cpuPerRun: 2}})[cpuPerRun].Median; got != 1.5 {
		t.Errorf("want the middle of two turns, got %v", got)
	}
}
