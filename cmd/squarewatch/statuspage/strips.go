package statuspage

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/history"
)

// stripCells is how many of the newest runs a strip shows.
const stripCells = 60

// Recent is what is known of a probe's newest runs. It is plain data.
type Recent struct {
	Cells Cells
	Last  Last
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

// Strips is the sink that keeps the newest runs of every probe. It needs about 2 kB for each probe.
type Strips struct {
	mu     sync.Mutex
	probes map[string]*strip
	change uint64
	day    string // the newest with missed runs
	missed int    // on that day
}

// strip holds the newest runs of one probe.
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
	recent.add(&Cell{Kind: kindOf(r), At: r.End, Code: r.Code, Class: r.Class, Latency: r.Latency()})
	recent.Last = lastOf(r)
}

// Missed adds missed runs as one cell.
func (s *Strips) Missed(m probe.Miss) {
	s.mu.Lock()
	defer s.mu.Unlock()
	recent := s.ofLocked(m.Probe)
	recent.add(missedCell(&m))
	s.countLocked(&m)
}

// Recall puts stored runs and missed runs of a probe before the present cells. The caller passes them oldest first.
func (s *Strips) Recall(name string, runs []history.Record, misses []probe.Miss) {
	s.mu.Lock()
	defer s.mu.Unlock()
	recent := s.ofLocked(name)
	var before Cells
	for i := range runs {
		r := &runs[i]
		before = append(before, pack(&Cell{Kind: kindOf(r.Result), At: r.End, Code: r.Code, Class: r.Class, Latency: r.Latency}))
	}
	for i := range misses {
		before = append(before, pack(missedCell(&misses[i])))
	}
	slices.SortStableFunc(before, func(a, b packed) int { return cmp.Compare(a.at, b.at) })
	if len(recent.Cells) > 0 {
		before = slices.DeleteFunc(before, func(c packed) bool { return c.at >= recent.Cells[0].at })
	}
	if recent.Last.At.IsZero() && len(runs) > 0 {
		recent.Last = lastOf(runs[len(runs)-1].Result)
	}
	all := append(before, recent.Cells...)
	recent.Cells, recent.lent = slices.Clone(all[max(len(all)-stripCells, 0):]), false
}

// RecallMissed counts stored missed runs. They must be older than all missed runs that the strips have received.
func (s *Strips) RecallMissed(misses []probe.Miss) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range misses {
		s.countLocked(&misses[i])
	}
}

// MissedOn returns how many runs were missed on the day of a time, in UTC. It returns 0 for days before the newest day with missed runs.
func (s *Strips) MissedOn(now time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.day != now.UTC().Format(time.DateOnly) {
		return 0
	}
	return s.missed
}

// countLocked counts missed runs for their day.
func (s *Strips) countLocked(m *probe.Miss) {
	switch day := m.Intended.UTC().Format(time.DateOnly); {
	case day > s.day:
		s.day, s.missed = day, m.Count
	case day == s.day:
		s.missed += m.Count
	}
}

// Of returns probes with their recent runs. The caller must not change the cells.
func (s *Strips) Of(probes []probe.Probe) []Probe {
	list := make([]Probe, len(probes))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range probes {
		list[i].Settings = &probes[i]
		if recent, ok := s.probes[probes[i].Name]; ok {
			recent.lent = true
			list[i].Recent = recent.Recent
		}
	}
	return list
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

// add adds a cell. It first copies cells that a reader holds. A copy at each reading would cost more: readers want all probes, and few
// probes have a new run.
func (r *strip) add(c *Cell) {
	if kept := r.Cells[max(len(r.Cells)-stripCells+1, 0):]; len(kept) < len(r.Cells) {
		into := r.Cells[:0]
		if r.lent {
			into, r.lent = make(Cells, 0, stripCells), false
		}
		r.Cells = append(into, kept...)
	}
	r.Cells = append(r.Cells, pack(c))
}

func missedCell(m *probe.Miss) *Cell {
	return &Cell{Kind: CellMissed, At: m.Intended, Missed: m.Reason, MissedRuns: number(m.Count)}
}

// number converts a count to the type of a cell's field.
func number(n int) int32 { return int32(min(n, math.MaxInt32)) }

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
