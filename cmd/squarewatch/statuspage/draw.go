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
