package statuspage

import (
	"strings"
	"testing"
	"time"

	"squarewatch/probe/history"
)

// TestTheChartHasAGapWherePercentilesAreNotKnown draws four parts: percentiles are known of the second and the last one.
func TestTheChartHasAGapWherePercentilesAreNotKnown(t *testing.T) {
	begin := time.Date(2026, 10, 7, 0, 0, 0, 0, time.UTC)
	parts := make([]history.Bucket, 4)
	for i := range parts {
		parts[i] = history.Bucket{Begin: begin.Add(time.Duration(i) * time.Hour), Length: time.Hour, Runs: 1, Mean: 1, Slowest: 2}
	}
	end := begin.Add(4 * time.Hour)
	if c := drawLatency(parts, nil, begin, end); c.Ranked || !c.Known.IsZero() || strings.Count(c.Middle, "M") != 1 || c.Uppermost != "" {
		t.Errorf("want one line of means, got %+v", c)
	}
	for _, i := range []int{1, 3} {
		parts[i].P50, parts[i].P95, parts[i].P99 = 1, 2, 3
	}
	if c := drawLatency(parts, nil, begin, end); !c.Ranked || !c.Known.Equal(parts[1].Begin) || strings.Count(c.Middle, "M") != 2 ||
		strings.Contains(c.Middle, "L") || strings.Count(c.Uppermost, "M") != 2 {
		t.Errorf("want two points of percentiles, known from the second part on, got %+v", c)
	}
}
