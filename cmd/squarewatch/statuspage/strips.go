package statuspage

import (
	"slices"
	"sync"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/history"
)

// stripCells is how many of the newest runs a strip shows.
const stripCells = 60

// CellKind is what a cell of a strip shows.
type CellKind string

// The kinds of cells.
const (
	CellGood    CellKind = "good"
	CellRefused CellKind = "refused" // an expected refusal
	CellBad     CellKind = "bad"
	CellMissed  CellKind = "missed"
)

// Cell is one run of a strip, or some missed runs in a row.
type Cell struct {
	Kind    CellKind         `json:"kind"`
	At      time.Time        `json:"at"`
	Code    int              `json:"code,omitempty"`
	Class   probe.Class      `json:"class,omitempty"`
	Latency time.Duration    `json:"latency_ns,omitempty"`
	Missed  probe.MissReason `json:"missed,omitempty"`
}

// Recent is what is known of a probe's newest runs. It is plain data.
type Recent struct {
	Cells  []Cell // oldest first
	Last   Last
	Runs   int // since the start
	Missed int // since the start
}

// Last is the last run of a probe.
type Last struct {
	At         time.Time
	Class      probe.Class
	Code       int
	Expected   bool
	Breach     bool
	Blame      probe.Blame
	Credential string
	Reason     string
	Excerpt    string
	Trace      probe.TraceID
	Evidence   []probe.Evidence
}

// Strips is the sink that keeps the newest runs of every probe. About 5 kB for each probe.
type Strips struct {
	mu     sync.Mutex
	probes map[string]*strip
	change uint64
}

// strip is what is kept of one probe.
type strip struct {
	Recent

	lent bool // a reader holds Cells, so that they must not change
}

var _ probe.Sink = (*Strips)(nil)

// NewStrips returns strips without runs.
func NewStrips() *Strips { return &Strips{probes: map[string]*strip{}} }

// Finished adds a run.
func (s *Strips) Finished(r *probe.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	recent := s.ofLocked(r.Probe)
	recent.Runs++
	recent.add(Cell{Kind: kindOf(r), At: r.End.Round(0), Code: r.Code, Class: r.Class, Latency: r.Latency()})
	recent.Last = lastOf(r)
}

// Missed adds missed runs as one cell.
func (s *Strips) Missed(m probe.Miss) {
	s.mu.Lock()
	defer s.mu.Unlock()
	recent := s.ofLocked(m.Probe)
	recent.Missed += m.Count
	recent.add(Cell{Kind: CellMissed, At: m.Intended.Round(0), Missed: m.Reason})
}

// Recall puts stored runs of a probe, oldest first, before those that it has.
func (s *Strips) Recall(name string, runs []history.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	recent := s.ofLocked(name)
	var before []Cell
	for i := range runs {
		r := &runs[i]
		if len(recent.Cells) == 0 || r.End.Before(recent.Cells[0].At) {
			before = append(before, Cell{Kind: kindOf(r.Result), At: r.End, Code: r.Code, Class: r.Class, Latency: r.Latency})
		}
	}
	if recent.Last.At.IsZero() && len(runs) > 0 {
		recent.Last = lastOf(runs[len(runs)-1].Result)
	}
	all := append(before, recent.Cells...)
	recent.Cells, recent.lent = slices.Clip(all[max(len(all)-stripCells, 0):]), false
}

// Recent returns what is known of a probe. Nobody may change its cells.
func (s *Strips) Recent(name string) Recent {
	s.mu.Lock()
	defer s.mu.Unlock()
	recent, ok := s.probes[name]
	if !ok {
		return Recent{}
	}
	recent.lent = true
	return recent.Recent
}

// Changes returns a number that grows with every run.
func (s *Strips) Changes() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.change
}

func (s *Strips) ofLocked(name string) *strip {
	s.change++
	recent := s.probes[name]
	if recent == nil {
		recent = &strip{}
		s.probes[name] = recent
	}
	return recent
}

// add adds a cell. Cells that a reader holds are copied first, and not at each reading: readers want all probes, and few have a new run.
func (r *strip) add(c Cell) {
	if kept := r.Cells[max(len(r.Cells)-stripCells+1, 0):]; len(kept) < len(r.Cells) {
		into := r.Cells[:0]
		if r.lent {
			into, r.lent = make([]Cell, 0, stripCells), false
		}
		r.Cells = append(into, kept...)
	}
	r.Cells = append(r.Cells, c)
}

func kindOf(r *probe.Result) CellKind {
	switch {
	case !r.Expected:
		return CellBad
	case r.Class != probe.Success:
		return CellRefused
	}
	return CellGood
}

func lastOf(r *probe.Result) Last {
	return Last{
		At: r.End.Round(0), Class: r.Class, Code: r.Code, Expected: r.Expected, Breach: r.Breach, Blame: r.Blame, Credential: r.Credential,
		Reason: r.Reason, Excerpt: r.Excerpt, Trace: r.Trace, Evidence: r.Evidence,
	}
}

// percentile returns the latency that a share of the runs does not exceed; 0 without runs.
func percentile(cells []Cell, share float64) time.Duration {
	var all []time.Duration
	for i := range cells {
		if cells[i].Kind != CellMissed {
			all = append(all, cells[i].Latency)
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(int(share*float64(len(all))), len(all)-1)]
}
