package statuspage

import (
	"cmp"
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

// rowStates returns all states in the order of their urgency.
func rowStates() []RowState {
	return []RowState{RowBreach, RowBad, RowPending, RowHeld, RowLate, RowSilenced, RowNone, RowGood}
}

// Row is a probe on the home page.
type Row struct {
	Probe     string        `json:"probe"`
	Guard     bool          `json:"guard,omitempty"`
	State     RowState      `json:"state"`
	Last      string        `json:"last"` // what the last run met
	At        time.Time     `json:"at,omitzero"`
	Bad       int           `json:"bad"` // of Runs in the window of the rule that is nearest to firing
	Runs      int           `json:"runs"`
	Rule      string        `json:"rule,omitempty"`
	Threshold setting.Share `json:"threshold,omitempty"`
	P95       time.Duration `json:"p95_ns"`
	Cells     []Cell        `json:"cells"`
	Silenced  time.Time     `json:"silenced,omitzero"`
	Why       string        `json:"why,omitempty"` // why it is late, or what announces it
}

// rowsOf returns a row for each probe, the most urgent first, those of equal urgency in the file's order.
func rowsOf(s *Snapshot) []Row {
	series := map[string][]*alert.Status{}
	for i := range s.Series {
		series[s.Series[i].Series] = append(series[s.Series[i].Series], &s.Series[i])
	}
	perProbe := map[string]bool{alert.NoDataRule: true, alert.AccessRule: true}
	for i := range s.Rules {
		perProbe[s.Rules[i].Name] = s.Rules[i].Per == alert.PerProbe
	}
	rows := make([]Row, 0, len(s.Probes))
	for i := range s.Probes {
		p := &s.Probes[i]
		own := slices.DeleteFunc(slices.Clone(series[p.Settings.Name]), func(a *alert.Status) bool { return !perProbe[a.Rule] })
		rows = append(rows, rowOf(s, p, own))
	}
	states := rowStates()
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Compare(slices.Index(states, a.State), slices.Index(states, b.State))
	})
	return rows
}

func rowOf(s *Snapshot, p *Probe, series []*alert.Status) Row {
	last := &p.Recent.Last
	row := Row{
		Probe: p.Settings.Name, Guard: p.Settings.Guards == probe.GuardAccess, State: RowGood, Last: outcome(last.Class, last.Code), At: last.At,
		P95: percentile(p.Recent.Cells, 0.95), Cells: p.Recent.Cells,
	}
	raise := func(state RowState, why string) {
		if states := rowStates(); slices.Index(states, state) < slices.Index(states, row.State) {
			row.State, row.Why = state, why
		}
	}
	if last.At.IsZero() {
		row.Last = "no run yet"
		raise(RowNone, "")
	}
	if why := lateness(s, p); why != "" {
		raise(RowLate, why)
	}
	near := -1.0
	for _, a := range series {
		switch {
		case !a.SilencedUntil.IsZero():
			row.Silenced = a.SilencedUntil
			raise(RowSilenced, "")
		case a.CoveredBy != "":
			raise(RowHeld, "announced with "+a.CoveredBy)
		case a.State == alert.Pending:
			raise(RowPending, "crossed the threshold of "+a.Rule)
		case a.State == alert.Firing && a.Rule == alert.AccessRule:
			raise(RowBreach, "")
		case a.State == alert.Firing:
			raise(RowBad, "")
		}
		if a.Threshold > 0 && a.Runs > 0 && float64(a.Rate/a.Threshold) > near {
			near = float64(a.Rate / a.Threshold)
			row.Rule, row.Runs, row.Threshold = a.Rule, a.Runs, a.Threshold
			row.Bad = int(math.Round(float64(a.Rate) * float64(a.Runs)))
		}
	}
	if !last.At.IsZero() && !last.Expected && row.Silenced.IsZero() && row.State != RowHeld {
		raise(RowBad, "")
	}
	return row
}

// lateGrace is how long after its time a run may end before its probe is late.
const lateGrace = 5 * time.Second

// lateness says why a probe is late or missed its last run; empty when it is neither.
func lateness(s *Snapshot, p *Probe) string {
	cells := p.Recent.Cells
	if n := len(cells); n > 0 && cells[n-1].Kind == CellMissed {
		return "missed: " + missReason(cells[n-1].Missed)
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

// Filter is what a reader asked the home page for.
type Filter struct {
	Query string `json:"query,omitempty"` // part of a probe's name
	State string `json:"state,omitempty"` // bad, late or silenced; empty for all
	Page  int    `json:"page"`            // of the healthy probes, from 1
}

// fits reports whether a row is asked for.
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
