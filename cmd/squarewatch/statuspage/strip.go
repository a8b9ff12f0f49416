package statuspage

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"squarewatch/probe"
)

// The size of a strip in units of its drawing: one cell is cellWidth wide. Below the bars is place for the marks of starts and reloads.
const (
	cellWidth = 4
	barHeight = 24
	lowestBar = 4
	badBar    = 17
	missedBox = 11
	leastBar  = 3 // of a share
)

// Strip is the drawing of cells: the data of one path for each kind, and the same in words.
type Strip struct {
	Width                                               int
	Good, Slow, Refused, Bad, Cross, Silenced, Reloaded string
	Missed                                              []MissedCells
	Say                                                 string
}

// MissedCells are the cells whose runs were missed for one reason.
type MissedCells struct{ Path, Why string }

// Draw draws the cells of a row. The height of a bar is its latency against the slowest hundredth of the strip. In a part of a period, the
// height of what is bad or missed is its share.
func (r *Row) Draw() Strip {
	if r.period != "" {
		return drawStrip(r.Cells, len(r.Cells), "last "+r.period+": "+partsInWords(r.Cells))
	}
	return drawStrip(r.Cells, stripCells, runsInWords(r.Cells))
}

// drawStrip draws cells at the right end of a strip that has place for a number of them.
func drawStrip(cells []Cell, places int, say string) Strip {
	d := drawing{missed: map[probe.MissReason]*strings.Builder{}, slowest: max(percentile(cells, 0.99), 1)}
	for i := range cells {
		d.add(&cells[i], (places-len(cells)+i)*cellWidth)
	}
	strip := Strip{
		Width: places * cellWidth, Good: d.good.String(), Slow: d.slow.String(), Refused: d.refused.String(), Bad: d.bad.String(),
		Cross: d.cross.String(), Silenced: d.silenced.String(), Reloaded: d.reloaded.String(), Say: say,
	}
	for _, reason := range slices.Sorted(maps.Keys(d.missed)) {
		strip.Missed = append(strip.Missed, MissedCells{Path: d.missed[reason].String(), Why: missReason(reason)})
	}
	return strip
}

// drawing collects the paths of a strip.
type drawing struct {
	slowest                                             time.Duration
	good, slow, refused, bad, cross, silenced, reloaded strings.Builder
	missed                                              map[probe.MissReason]*strings.Builder
}

// add draws a cell whose left edge is at x.
func (d *drawing) add(c *Cell, x int) {
	left, middle := strconv.Itoa(x), strconv.Itoa(x+cellWidth/2)
	if c.Silenced {
		d.silenced.WriteString("M" + left + " 8l4-4M" + left + " 16l4-4M" + left + " 24l4-4")
	}
	if c.Reloaded {
		d.reloaded.WriteString("M" + left + " 25v3")
	}
	bar := lowestBar + int(min(float64(c.Latency)/float64(d.slowest), 1)*(barHeight-2*lowestBar))
	upright := "M" + middle + " 24v-"
	switch {
	case c.Kind == CellSlow:
		d.slow.WriteString(upright + strconv.Itoa(bar))
	case c.Kind == CellGood, c.Kind == CellRefused, c.Runs > c.Bad:
		d.good.WriteString(upright + strconv.Itoa(bar))
	}
	switch c.Kind {
	case CellRefused:
		d.refused.WriteString("M" + middle + " " + strconv.Itoa(barHeight-bar-3) + "h.01")
	case CellBad:
		d.bad.WriteString(upright + strconv.Itoa(part(badBar, int(c.Bad), int(c.Runs))))
		d.cross.WriteString("M" + left + " 1l4 4m0-4l-4 4")
	case CellMissed:
		path := d.missed[c.Missed]
		if path == nil {
			path = &strings.Builder{}
			d.missed[c.Missed] = path
		}
		height := strconv.Itoa(part(missedBox, int(c.MissedRuns), int(c.MissedRuns+c.Runs)))
		path.WriteString("M" + left + ".5 23.5h3v-" + height + "h-3z")
	case CellGood, CellSlow, CellNone:
	}
}

// part returns a share of a height. A single run has the full height.
func part(height, of, all int) int {
	if all == 0 {
		return height
	}
	return max(height*of/all, leastBar)
}

// runsInWords says what the cells of single runs show.
func runsInWords(cells []Cell) string {
	counts, missed, silenced := map[CellKind]int{}, 0, 0
	for i := range cells {
		c := &cells[i]
		counts[c.Kind]++
		missed += int(c.MissedRuns)
		if c.Silenced {
			silenced++
		}
	}
	good, bad := counts[CellGood]+counts[CellSlow]+counts[CellRefused], counts[CellBad]
	parts := []string{
		fmt.Sprintf("last %s: %d good, %d bad, %d missed%s", count(good+bad+missed, "run", "runs"), good, bad, missed, because(cells)),
	}
	for _, more := range []struct {
		n    int
		what string
	}{{counts[CellSlow], "slow"}, {counts[CellRefused], "refused as expected"}, {silenced, "silenced"}} {
		if more.n > 0 {
			parts = append(parts, strconv.Itoa(more.n)+" "+more.what)
		}
	}
	return strings.Join(parts, ", ")
}

// because lists why runs were missed. It is empty when no run was missed.
func because(cells []Cell) string {
	var reasons []string
	for i := range cells {
		if c := &cells[i]; c.Missed != "" && !slices.Contains(reasons, missReason(c.Missed)) {
			reasons = append(reasons, missReason(c.Missed))
		}
	}
	if len(reasons) == 0 {
		return ""
	}
	return " (" + strings.Join(reasons, "; ") + ")"
}

// percentile returns the latency that a share of the runs does not exceed; 0 without runs.
func percentile(cells []Cell, share float64) time.Duration {
	var all []time.Duration
	for i := range cells {
		if cells[i].Kind != CellMissed && cells[i].Kind != CellNone {
			all = append(all, cells[i].Latency)
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(int(share*float64(len(all))), len(all)-1)]
}
