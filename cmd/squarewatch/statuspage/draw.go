package statuspage

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/config/setting"
	"squarewatch/probe/history"
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

// The size of a chart in units of its drawing.
const (
	chartWidth  = 720
	chartHeight = 120
)

// Chart is the drawing of a period.
type Chart struct {
	Line, Upper string // two lines: data of a path
	Bad         string // marks of parts with bad runs
	Threshold   int    // y of the threshold; 0 for none
	Clear       int
	Shades      []Shade // incidents
	Highest     string  // what the upper edge stands for
	Begin, End  time.Time
	Say         string // the same in words
}

// Shade is a time in a chart.
type Shade struct{ X, Width int }

// drawLatency draws the mean and the slowest latency of each part, and marks those with bad runs.
func drawLatency(buckets []history.Bucket, begin, end time.Time) Chart {
	highest := time.Duration(1)
	for i := range buckets {
		highest = max(highest, buckets[i].Slowest)
	}
	var mean, slowest, bad strings.Builder
	for i := range buckets {
		b := &buckets[i]
		x := across(b.Begin.Add(b.Length/2), begin, end)
		mean.WriteString(step(i, x, up(float64(b.Mean)/float64(highest))))
		slowest.WriteString(step(i, x, up(float64(b.Slowest)/float64(highest))))
		if b.Bad > 0 {
			fmt.Fprintf(&bad, "M%d 2l6 6m0-6l-6 6", x-3)
		}
	}
	return Chart{
		Line: mean.String(), Upper: slowest.String(), Bad: bad.String(), Highest: millis(highest), Begin: begin, End: end,
		Say: "mean and slowest latency; the highest is " + millis(highest),
	}
}

// RatePoint is the share of bad runs in a part of a period.
type RatePoint struct {
	At   time.Time     `json:"at"`
	Runs int           `json:"runs"`
	Bad  int           `json:"bad"`
	Rate setting.Share `json:"rate"`
}

// drawRate draws a rate with a rule's threshold, where it clears, and its incidents.
func drawRate(points []RatePoint, rule *alert.Rule, fired []Firing, begin, end time.Time) Chart {
	var line strings.Builder
	worst := setting.Share(0)
	for i := range points {
		worst = max(worst, points[i].Rate)
		line.WriteString(step(i, across(points[i].At, begin, end), up(float64(points[i].Rate))))
	}
	c := Chart{
		Line: line.String(), Highest: "100%", Begin: begin, End: end, Threshold: up(float64(rule.Threshold)), Clear: up(float64(rule.Clear)),
		Say: fmt.Sprintf("share of bad runs; the worst is %v, the threshold is %v", worst, rule.Threshold),
	}
	for _, f := range fired {
		over := f.Over
		if over.IsZero() {
			over = end
		}
		x := across(f.At, begin, end)
		c.Shades = append(c.Shades, Shade{X: x, Width: max(across(over, begin, end)-x, 2)})
	}
	return c
}

func step(i, x, y int) string {
	command := "L"
	if i == 0 {
		command = "M"
	}
	return command + strconv.Itoa(x) + " " + strconv.Itoa(y)
}

// across returns where a time is between two others.
func across(at, begin, end time.Time) int {
	share := float64(at.Sub(begin)) / float64(max(end.Sub(begin), 1))
	return int(min(max(share, 0), 1) * chartWidth)
}

// up returns the y of a share of the height.
func up(share float64) int { return chartHeight - int(min(max(share, 0), 1)*(chartHeight-4)) }
