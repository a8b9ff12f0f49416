package statuspage

import "time"

// Stop is a run of a strip that the keyboard and the pointer can reach.
type Stop struct {
	X     int
	At    time.Time
	Say   string
	Trace string // empty when the run has no page
	Last  bool   // the newest
}

// stopWidth is the width of a cell of a strip in units of its drawing.
const stopWidth = 4

// Stops returns the runs of the strip, oldest first, each at its place in the drawing.
func (page *ProbePage) Stops() []Stop {
	traces := map[int64]string{}
	for i := range page.Newest {
		if l := &page.Newest[i]; l.Trace != "" {
			traces[l.At.UnixMicro()] = l.Trace
		}
	}
	cells := page.Row.Cells
	list := make([]Stop, 0, len(cells))
	for i := range cells {
		c := &cells[i]
		s := Stop{
			X: (stripCells - len(cells) + i) * stopWidth, At: c.At, Trace: traces[c.At.UnixMicro()], Last: i == len(cells)-1,
			Say: c.At.UTC().Format("15:04:05") + " " + outcome(c.Class, c.Code) + ", " + millis(c.Latency),
		}
		if c.Kind == CellMissed {
			s.Say = c.At.UTC().Format("15:04:05") + " missed: " + missReason(c.Missed)
		}
		list = append(list, s)
	}
	return list
}
