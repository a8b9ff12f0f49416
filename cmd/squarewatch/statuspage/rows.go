package statuspage

import (
	"math"
	"slices"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/config/setting"
	"squarewatch/probe"
)

// RowState is the state of a probe.
type RowState string

// The states, the most urgent first.
const (
	RowBreach   RowState = "breach"
	RowBad      RowState = "bad"
	RowPending  RowState = "pending"
	RowHeld     RowState = "held" // another incident announces it
	RowLate     RowState = "late" // late or missed
	RowSilenced RowState = "silenced"
	RowNone     RowState = "none" // no run yet
	RowGood     RowState = "good"
)

// rank orders states by their urgency: 0 is the most urgent.
func (r RowState) rank() int {
	return slices.Index([]RowState{RowBreach, RowBad, RowPending, RowHeld, RowLate, RowSilenced, RowNone, RowGood}, r)
}

// Row is a probe on the home page.
type Row struct {
	Probe     string        `json:"probe"`
	Guard     bool          `json:"guard,omitempty"`
	State     RowState      `json:"state"`
	Last      string        `json:"last"` // the result of the last run
	At        time.Time     `json:"at,omitzero"`
	Bad       int           `json:"bad"` // how many of Runs are bad. Both are of the window of Rule, the rule that is nearest to firing
	Runs      int           `json:"runs"`
	Rule      string        `json:"rule,omitempty"`
	Threshold setting.Share `json:"threshold,omitempty"`
	P95       time.Duration `json:"p95_ns"`
	Cells     []Cell        `json:"cells"`
	Silenced  time.Time     `json:"silenced,omitzero"`
	Why       string        `json:"why,omitempty"` // why the row has this state; empty when the state says it

	settings *probe.Probe
	recent   Cells
	period   string  // the time that the cells cover together; empty when each cell is a run
	near     float64 // how near Rule is to firing: the rate as a multiple of its threshold; negative without a rule
}

// rowsOf returns a row for each probe, in the file's order. [Row.measure] adds later what only the rows on the page need.
func rowsOf(s *Snapshot) []Row {
	perProbe := map[string]bool{alert.NoDataRule: true, alert.AccessRule: true}
	for i := range s.Rules {
		perProbe[s.Rules[i].Name] = s.Rules[i].Per == alert.PerProbe
	}
	rows, place := make([]Row, len(s.Probes)), make(map[string]int, len(s.Probes))
	for i := range s.Probes {
		rows[i] = rowOf(s, &s.Probes[i])
		place[rows[i].Probe] = i
	}
	for i := range s.Series {
		a := &s.Series[i]
		if at, known := place[a.Series]; known && perProbe[a.Rule] {
			rows[at].applyStatus(a)
		}
	}
	for i := range rows {
		last := &s.Probes[i].Recent.Last
		if r := &rows[i]; !last.At.IsZero() && !last.Expected && r.Silenced.IsZero() && r.State != RowHeld {
			r.raise(RowBad, "")
		}
	}
	return rows
}

// rowOf describes a probe by its runs alone.
func rowOf(s *Snapshot, p *Probe) Row {
	last := &p.Recent.Last
	row := Row{
		Probe: p.Settings.Name, Guard: p.Settings.Guards == probe.GuardAccess, State: RowGood, Last: outcome(last.Class, last.Code), At: last.At,
		settings: p.Settings, recent: p.Recent.Cells, near: -1,
	}
	if last.At.IsZero() {
		row.Last = "no run yet"
		row.raise(RowNone, "")
	}
	if why := lateness(s, p); why != "" {
		row.raise(RowLate, why)
	}
	return row
}

// raise gives the row a state if it is more urgent than the present state.
func (r *Row) raise(state RowState, why string) {
	if state.rank() < r.State.rank() {
		r.State, r.Why = state, why
	}
}

// applyStatus adds the state of one series of the probe.
func (r *Row) applyStatus(a *alert.Status) {
	switch {
	case !a.SilencedUntil.IsZero():
		r.Silenced = a.SilencedUntil
		r.raise(RowSilenced, "")
	case a.CoveredBy != "":
		r.raise(RowHeld, "announced with "+a.CoveredBy)
	case a.State == alert.Pending:
		r.raise(RowPending, "crossed the threshold of "+a.Rule)
	case a.State == alert.Firing && a.Rule == alert.AccessRule:
		r.raise(RowBreach, "")
	case a.State == alert.Firing:
		r.raise(RowBad, "")
	}
	if a.Threshold > 0 && a.Runs > 0 && float64(a.Rate/a.Threshold) > r.near {
		r.near = float64(a.Rate / a.Threshold)
		r.Rule, r.Runs, r.Threshold = a.Rule, a.Runs, a.Threshold
		r.Bad = int(math.Round(float64(a.Rate) * float64(a.Runs)))
	}
}

// measure fills in the fields that are needed only to show the row.
func (r *Row) measure(s *Snapshot) {
	cells := r.recent.All()
	r.P95 = percentile(cells, 0.95)
	r.Cells = marked(s, r.settings, cells, 0)
}

// lateGrace is added to the longest duration of a run. A probe is late when it was due longer ago than this sum and no run has ended
// since.
const lateGrace = 5 * time.Second

// lateness says why a probe is late or missed its last run. It is empty when neither is the case.
func lateness(s *Snapshot, p *Probe) string {
	if newest := p.Recent.Cells.newest(); newest.Kind == CellMissed {
		return "missed: " + missReason(newest.Missed)
	}
	begin := p.Recent.Last.At
	if begin.Before(s.Started) {
		begin = s.Started
	}
	due := p.Settings.Schedule.Next(begin)
	if due.IsZero() || s.Now.Before(due.Add(p.Settings.Longest()+lateGrace)) {
		return ""
	}
	return "late: no run since it was due"
}

// Filter says which probes and which period the home page shows.
type Filter struct {
	Query string `json:"query,omitempty"` // part of a probe's name
	State string `json:"state,omitempty"` // bad, late or silenced; empty for all
	All   bool   `json:"all,omitempty"`   // list the healthy probes although they are many and other probes need attention
	Page  int    `json:"page"`            // of the healthy probes, from 1
	Last  string `json:"last,omitempty"`  // what strips show: 1h, 24h or 7d; empty for the newest runs
}

// Narrow reports whether the reader asked for the list of healthy probes, which is folded otherwise.
func (f *Filter) Narrow() bool { return f.All || f.Query != "" || f.Page > 1 }

// fits reports whether a row matches the filter.
func (f *Filter) fits(r *Row) bool {
	if !strings.Contains(r.Probe, strings.ToLower(strings.TrimSpace(f.Query))) {
		return false
	}
	return f.State == "" || f.State == group(r.State)
}

// group returns the filter that shows a state.
func group(state RowState) string {
	switch state {
	case RowBreach, RowBad, RowPending, RowHeld:
		return "bad"
	case RowLate:
		return "late"
	case RowSilenced:
		return "silenced"
	case RowNone, RowGood:
	}
	return "healthy"
}
