package statuspage

import (
	"fmt"
	"strconv"
	"strings"
)

// The size of a strip in units of its drawing: one cell is cellWidth wide.
const (
	cellWidth   = 4
	stripHeight = 24
	lowestBar   = 4
)

// Strip is the drawing of cells: the data of one path for each kind, and the same in words.
type Strip struct {
	Good, Refused, Bad, Cross, Missed string
	Say                               string
}

// Draw draws the cells of a row. The height of a bar is its latency against the slowest hundredth of the strip.
func (r *Row) Draw() Strip { return drawStrip(r.Cells) }

func drawStrip(cells []Cell) Strip {
	var good, refused, bad, cross, missed strings.Builder
	slowest := max(percentile(cells, 0.99), 1)
	begin := (stripCells - len(cells)) * cellWidth
	counts := map[CellKind]int{}
	for i := range cells {
		c := &cells[i]
		counts[c.Kind]++
		x := strconv.Itoa(begin + i*cellWidth + cellWidth/2)
		bar := lowestBar + int(min(float64(c.Latency)/float64(slowest), 1)*(stripHeight-2*lowestBar))
		switch c.Kind {
		case CellGood:
			good.WriteString("M" + x + " 24v-" + strconv.Itoa(bar))
		case CellRefused:
			good.WriteString("M" + x + " 24v-" + strconv.Itoa(bar))
			refused.WriteString("M" + x + " " + strconv.Itoa(stripHeight-bar-3) + "h.01")
		case CellBad:
			bad.WriteString("M" + x + " 24v-17")
			cross.WriteString("M" + strconv.Itoa(begin+i*cellWidth) + " 1l4 4m0-4l-4 4")
		case CellMissed:
			missed.WriteString("M" + strconv.Itoa(begin+i*cellWidth) + ".5 12.5h3v11h-3z")
		}
	}
	say := fmt.Sprintf("last %s: %d good, %d bad, %d missed", count(len(cells), "run", "runs"), counts[CellGood]+counts[CellRefused],
		counts[CellBad], counts[CellMissed])
	return Strip{Good: good.String(), Refused: refused.String(), Bad: bad.String(), Cross: cross.String(), Missed: missed.String(), Say: say}
}
