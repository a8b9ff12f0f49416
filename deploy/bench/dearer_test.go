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

// bounded is a figure that may rise to a multiple of what was recorded.
type bounded struct {
	name, unit string
	allowed    float64
}

// dearer compares what squarewatch needs now with what was recorded. It returns a table, and the lines of it that are beyond the bound in
// every turn: on a busy machine some turns are. CPU time counts as beyond only when × bare and µs both are. On a busy machine the bare
// loop needs less CPU time, so that × bare rises; on a slower machine, µs rise.
func dearer(recorded recording, now []cell) (table string, beyond []string) {
	var text strings.Builder
	fmt.Fprintln(&text, "| what | recorded | now | allowed |\n| --- | --- | --- | --- |")
	processor := []bounded{{timesBare, "× bare", cpuAllowed}, {cpuPerRun, "µs/run", cpuAllowed}}
	for _, c := range now {
		for _, together := range [][]bounded{processor, {{resident, "MB", memoryAllowed}}} {
			var lines []string
			for _, b := range together {
				before, known := recorded.figure(c.setting, everything, b.name)
				if !known {
					lines = append(lines, fmt.Sprintf("%v, %s was never recorded: make bench-record", c.setting, b.unit))
					continue
				}
				got, most := c.Programs[everything][b.name], before.Median*b.allowed
				line := fmt.Sprintf("| %v, %s | %s | %s | %s |", c.setting, b.unit, withSpread(before), withSpread(got), number(most))
				fmt.Fprintln(&text, line)
				if got.Low > most {
					lines = append(lines, line)
				}
			}
			if len(lines) == len(together) {
				beyond = append(beyond, lines...)
			}
		}
	}
	return text.String(), beyond
}

// measuredIn returns what squarewatch needed in a setting.
func measuredIn(at setting, ratio, micros, memory float64) cell {
	return cell{at, 1, map[string]figures{everything: summed([]sample{{timesBare: ratio, cpuPerRun: micros, resident: memory}})}}
}

func TestWhatGotDearer(t *testing.T) {
	recorded := recording{Cells: []cell{measuredIn(plainFresh(), 1, 200, 40), measuredIn(plainReuse(), 2, 100, 50)}}
	for name, test := range map[string]struct {
		now  []cell
		want []string
	}{
		"nothing":          {[]cell{measuredIn(plainFresh(), 1.49, 299, 59), measuredIn(plainReuse(), 1, 50, 10)}, nil},
		"a run":            {[]cell{measuredIn(plainFresh(), 1.51, 301, 40)}, []string{"fresh, × bare | 1.00 | 1.51 | 1.50 |", "301 | 300 |"}},
		"a busy machine":   {[]cell{measuredIn(plainReuse(), 4, 90, 50)}, nil},
		"a slower machine": {[]cell{measuredIn(plainReuse(), 2, 300, 50)}, nil},
		"memory":           {[]cell{measuredIn(plainReuse(), 2, 100, 76)}, []string{"reuse, MB | 50.0 | 76.0 | 75.0 |"}},
		"both":             {[]cell{measuredIn(plainReuse(), 3.6, 180, 80)}, []string{"reuse, × bare", "reuse, µs/run", "reuse, MB |"}},
		"never a sweep":    {[]cell{measuredIn(manyProbes(), 1, 1, 40)}, []string{"never recorded", "never recorded", "never recorded"}},
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
