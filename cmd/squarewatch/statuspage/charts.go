package statuspage

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/config/setting"
	"squarewatch/probe"
	"squarewatch/probe/history"
)

// The size of a chart in units of its drawing.
const (
	chartWidth  = 720
	chartHeight = 120
)

// Frame holds the fields that all charts of a period share.
type Frame struct {
	Begin, End time.Time
	Highest    string // the value at the upper edge
	Say        string // the chart in words
}

// LatencyChart is the drawing of the latency in a period. Each text is the data of a path.
type LatencyChart struct {
	Frame

	Phases           []PhaseArea // stacked, the first at the bottom
	Middle           string      // the median, or the mean
	Upper, Uppermost string      // the percentiles 95 and 99, or the slowest and nothing
	Ranked           bool        // the lines are percentiles
	Known            time.Time   // where percentiles begin, if later than the runs; otherwise zero
	Bad              string      // marks of parts with bad runs
}

// PhaseArea is the drawing of the mean length of one phase.
type PhaseArea struct {
	Kind probe.PhaseKind
	Path string
}

// drawLatency draws the latency of each part, the phases behind it, and marks of parts with bad runs.
func drawLatency(buckets []history.Bucket, phases []history.PhaseMean, begin, end time.Time) LatencyChart {
	c := LatencyChart{Frame: Frame{Begin: begin, End: end}}
	c.rank(buckets)
	highest := time.Duration(1)
	for i := range buckets {
		if highest = max(highest, buckets[i].P99); !c.Ranked {
			highest = max(highest, buckets[i].Slowest)
		}
	}
	stacks := stacksOf(phases)
	for _, s := range stacks {
		highest = max(highest, s.total())
	}
	c.Highest = millis(highest)
	level := func(d time.Duration) int { return up(float64(d) / float64(highest)) }
	c.drawLines(buckets, level)
	c.Phases = areasOf(stacks, begin, end, level)
	c.Say = "latency: mean and slowest; the highest is " + c.Highest
	if c.Ranked {
		c.Say = "latency: p50, p95 and p99, and the phases of a sample of runs; the highest is " + c.Highest
	}
	return c
}

// rank finds out whether percentiles are known, and since when.
func (c *LatencyChart) rank(buckets []history.Bucket) {
	for i := range buckets {
		if buckets[i].P50 > 0 {
			if c.Ranked = true; i > 0 {
				c.Known = buckets[i].Begin
			}
			return
		}
	}
}

// drawLines draws the lines with a gap where runs or percentiles are missing, and the marks of parts with bad runs.
func (c *LatencyChart) drawLines(buckets []history.Bucket, level func(time.Duration) int) {
	var middle, upper, uppermost line
	var bad strings.Builder
	gap, last := true, time.Time{} // whether the line is interrupted, and the last part on it
	for i := range buckets {
		b := &buckets[i]
		x := across(b.Begin.Add(b.Length/2), c.Begin, c.End)
		if b.Bad > 0 {
			fmt.Fprintf(&bad, "M%d 2l6 6m0-6l-6 6", x-3)
		}
		gap = gap || b.Begin.Sub(last) > b.Length
		last = b.Begin
		switch {
		case !c.Ranked:
			middle.to(x, level(b.Mean), gap)
			upper.to(x, level(b.Slowest), gap)
		case b.P50 > 0:
			middle.to(x, level(b.P50), gap)
			upper.to(x, level(b.P95), gap)
			uppermost.to(x, level(b.P99), gap)
		}
		gap = c.Ranked && b.P50 == 0
	}
	c.Middle, c.Upper, c.Uppermost, c.Bad = middle.String(), upper.String(), uppermost.String(), bad.String()
}

// stack is the mean length of each phase in a part of a period.
type stack struct {
	begin  time.Time
	length time.Duration
	means  map[probe.PhaseKind]time.Duration
}

func (s *stack) total() (sum time.Duration) {
	for _, mean := range s.means {
		sum += mean
	}
	return sum
}

// stacksOf groups phases, which are in the order of time, by their part of the period.
func stacksOf(phases []history.PhaseMean) []*stack {
	var list []*stack
	for _, p := range phases {
		if len(list) == 0 || !list[len(list)-1].begin.Equal(p.Begin) {
			list = append(list, &stack{begin: p.Begin, length: p.Length, means: map[probe.PhaseKind]time.Duration{}})
		}
		list[len(list)-1].means[p.Kind] = p.Mean
	}
	return list
}

// areasOf draws the stacks: one path for each phase.
func areasOf(stacks []*stack, begin, end time.Time, level func(time.Duration) int) []PhaseArea {
	var areas []PhaseArea
	floors := make([]time.Duration, len(stacks))
	for _, kind := range probe.PhaseKinds() {
		var path strings.Builder
		for i, s := range stacks {
			mean := s.means[kind]
			if mean == 0 {
				continue
			}
			left, right := across(s.begin, begin, end), across(s.begin.Add(s.length), begin, end)
			fmt.Fprintf(&path, "M%d %dH%dV%dH%dz", left, level(floors[i]), right, level(floors[i]+mean), left)
			floors[i] += mean
		}
		if path.Len() > 0 {
			areas = append(areas, PhaseArea{Kind: kind, Path: path.String()})
		}
	}
	return areas
}

// RatePoint is the share of bad runs in the window that ends at At.
type RatePoint struct {
	At   time.Time     `json:"at"`
	Runs int           `json:"runs"`
	Bad  int           `json:"bad"`
	Rate setting.Share `json:"rate"`
}

// RateChart is the drawing of a rate with a rule. Each text is the data of a path.
type RateChart struct {
	Frame

	Rate      string
	Threshold int     // y of the threshold
	Clear     int     // y of the clear level
	Shades    []Shade // incidents
	Fired     string  // marks of when they fired
}

// Shade is a shaded time span in a chart.
type Shade struct{ X, Width int }

// drawRate draws a rate with a rule's threshold, where it clears, and its incidents.
func drawRate(points []RatePoint, threshold, clear setting.Share, fired []Firing, begin, end time.Time) RateChart {
	var rate line
	var marks strings.Builder
	worst := setting.Share(0)
	for i, p := range points {
		worst = max(worst, p.Rate)
		rate.to(across(p.At, begin, end), up(float64(p.Rate)), i == 0)
	}
	c := RateChart{
		Frame: Frame{
			Begin: begin, End: end, Highest: "100%",
			Say: fmt.Sprintf("share of bad runs; the worst is %v, the threshold is %v; %s", worst, threshold,
				count(len(fired), "incident", "incidents")),
		},
		Rate: rate.String(), Threshold: up(float64(threshold)), Clear: up(float64(clear)),
	}
	for _, f := range fired {
		over := f.Over
		if over.IsZero() {
			over = end
		}
		x := across(f.At, begin, end)
		c.Shades = append(c.Shades, Shade{X: x, Width: max(across(over, begin, end)-x, 2)})
		if !f.At.Before(begin) {
			fmt.Fprintf(&marks, "M%d 0v%d", x, chartHeight)
		}
	}
	c.Fired = marks.String()
	return c
}

// line is the data of a path that is drawn point by point.
type line struct{ path strings.Builder }

// to draws to a point, or begins again there after a gap.
func (l *line) to(x, y int, gap bool) {
	place := strconv.Itoa(x) + " " + strconv.Itoa(y)
	if gap {
		l.path.WriteString("M" + place + "h.01")
		return
	}
	l.path.WriteString("L" + place)
}

// String returns the data of the path.
func (l *line) String() string { return l.path.String() }

// across returns where a time is between two others.
func across(at, begin, end time.Time) int {
	share := float64(at.Sub(begin)) / float64(max(end.Sub(begin), 1))
	return int(min(max(share, 0), 1) * chartWidth)
}

// up returns the y of a share of the height.
func up(share float64) int { return chartHeight - int(min(max(share, 0), 1)*(chartHeight-4)) }

// drawn returns the window of a rule and the limits that a chart of its rate shows. For an objective, they are those of the long window of
// the fastest pair.
func drawn(rule *alert.Rule) (window time.Duration, threshold, clear setting.Share) {
	if rule.Objective > 0 {
		fastest := rule.BurnRates()[0]
		return fastest.Long, fastest.Rate, fastest.Rate / 2
	}
	return rule.Window, rule.Threshold, rule.Clear
}
