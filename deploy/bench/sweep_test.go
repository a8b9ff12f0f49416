//go:build bench

package bench_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var record = flag.Bool("record", false, "write what TestSweep measures into "+recordedFile)

// comparison is programs that take turns in a setting.
type comparison struct {
	at       setting
	programs []string
	rounds   int           // turns of each program
	measured time.Duration // of each turn
}

// modes returns the settings of a rate in each mode.
func modes(rate int) (all []setting) {
	for _, secure := range []bool{false, true} {
		for _, reuse := range []bool{false, true} {
			all = append(all, setting{rate, rate, secure, reuse})
		}
	}
	return all
}

// comparisons returns the whole sweep. Every part of squarewatch that can be off is off once, where a run costs least beside it.
func comparisons() (all []comparison) {
	for _, rate := range rates() {
		for _, at := range modes(rate) {
			c := comparison{at, []string{bare, everything}, 2, 2 * time.Second}
			if !at.Reuse { // blackbox_exporter opens a connection for each run
				c.programs = append(c.programs, blackbox)
			}
			if rate == budgetRate {
				c.rounds, c.measured = 3, 3*time.Second
			}
			switch at {
			case plainFresh():
				c.programs = append(c.programs, noOTLP)
			case plainReuse():
				c.programs = append(c.programs, noOTLP, fewTraces, noState, noRules, nothing, defaultGC)
			}
			all = append(all, c)
		}
	}
	return append(all, comparison{manyProbes(), []string{bare, everything, blackbox}, 1, 10 * time.Second})
}

// compare lets programs take turns: in each round each program of each comparison has one turn. Every other round has the opposite order,
// because a turn may leave something behind, such as ports in TIME_WAIT.
func (s *stage) compare(all []comparison) (cells []cell) {
	s.Helper()
	turns := make([]map[string][]sample, len(all))
	for round := range slices.MaxFunc(all, func(a, b comparison) int { return a.rounds - b.rounds }).rounds {
		for i, c := range all {
			if round >= c.rounds {
				continue
			}
			if turns[i] == nil {
				turns[i] = map[string][]sample{}
			}
			for program, got := range s.round(c, round%2 == 1) {
				turns[i][program] = append(turns[i][program], got)
			}
		}
	}
	for i, c := range all {
		one := cell{c.at, c.rounds, map[string]figures{}}
		for program, samples := range turns[i] {
			one.Programs[program] = summed(samples)
		}
		cells = append(cells, one)
	}
	return cells
}

// round gives each program of a comparison one turn.
func (s *stage) round(c comparison, backwards bool) map[string]sample {
	s.Helper()
	order, got := slices.Clone(c.programs), map[string]sample{}
	if backwards {
		slices.Reverse(order)
	}
	for _, program := range order {
		got[program] = s.turn(program, c.at, c.measured)
	}
	for _, program := range c.programs {
		one := got[program]
		if used, ok := one[cpuPerRun]; ok {
			one[timesBare] = used / got[bare][cpuPerRun]
		}
		s.Logf("%v: %s: %.0f µs/run, %.2f × bare, %.1f MB, %.0f runs/s", c.at, program, one[cpuPerRun], one[timesBare], one[resident],
			one[runsPerSec])
	}
	return got
}

// TestSweep measures everything, about 14 minutes, and prints it beside the budgets. With -record it replaces what was recorded.
func TestSweep(t *testing.T) {
	s := &stage{t, newTarget(t), build(t)}
	begin := time.Now()
	r := recordingHere(t)
	size, err := os.Stat(s.binary)
	if err != nil {
		t.Fatal(err)
	}
	r.Binary = rounded(float64(size.Size()) / 1e6)
	r.Cells = append(s.compare(comparisons()), cell{setting{}, 1, map[string]figures{everything: summed([]sample{s.idle(2 * time.Minute)})}})
	r.Profiles = s.profiles(r)
	r.Seconds = time.Since(begin).Round(time.Second).Seconds()
	fmt.Println(strings.Join([]string{budgetTable(r), partTable(r), settingTable(r)}, "\n"))
	if !*record {
		return
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(recordedFile, append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}
