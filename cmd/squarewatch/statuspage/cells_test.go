package statuspage_test

import (
	"slices"
	"testing"
	"time"

	"squarewatch/alert/alerttest"
	"squarewatch/cmd/squarewatch/statuspage"
	"squarewatch/probe"
)

// TestPackedCellsLoseNothing also checks that a packed cell knows every reason for missed runs.
func TestPackedCellsLoseNothing(t *testing.T) {
	at := alerttest.Second(75)
	cells := []statuspage.Cell{
		{Kind: statuspage.CellGood, At: at, Code: 200, Class: probe.Success, Latency: 142*time.Millisecond + 7*time.Microsecond},
		{Kind: statuspage.CellRefused, At: at.Add(time.Nanosecond), Code: 401, Class: probe.Unauthenticated, Latency: time.Hour},
		{Kind: statuspage.CellBad, At: at.Add(time.Minute), Class: probe.Timeout},
		{Kind: statuspage.CellMissed, At: at, MissedRuns: 1 << 30},
	}
	for _, reason := range []probe.MissReason{
		probe.MissOverrun, probe.MissLimit, probe.MissGap, probe.MissShutdown, probe.MissPanic,
	} {
		cells = append(cells, statuspage.Cell{Kind: statuspage.CellMissed, At: at, Missed: reason, MissedRuns: 2})
	}
	got := statuspage.PackCells(cells).All()
	for i := range got {
		if !got[i].At.Equal(cells[i].At) {
			t.Errorf("want %v, got %v", cells[i].At, got[i].At)
		}
		got[i].At = cells[i].At
	}
	if !slices.Equal(got, cells) {
		t.Errorf("want %+v\ngot  %+v", cells, got)
	}
}

// TestPackedCellsCapLargeNumbers packs numbers that are too large for a cell. They must become the largest number that fits.
func TestPackedCellsCapLargeNumbers(t *testing.T) {
	got := statuspage.PackCells([]statuspage.Cell{{Kind: statuspage.CellBad, Latency: 100 * time.Hour, Code: 1 << 20}}).All()[0]
	if got.Latency < time.Hour || got.Code < 600 {
		t.Errorf("want the largest that fits, got %+v", got)
	}
}
