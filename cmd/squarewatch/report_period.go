package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/config"
	"squarewatch/probe"
	"squarewatch/probe/history"
)

// periodReport is the report of a period. Durations are in seconds.
type periodReport struct {
	Target       string           `json:"target"`
	Location     string           `json:"location,omitempty"` // of the host that ran the probes; absent when it has none
	From         time.Time        `json:"from"`               // a full hour
	Until        time.Time        `json:"until"`
	HistoryFrom  *time.Time       `json:"history_from"` // when the history begins, if that is later than from
	Availability *float64         `json:"availability"` // share of the finished runs that were as expected; null without runs
	Runs         int              `json:"runs"`         // finished
	Unexpected   int              `json:"unexpected"`
	Ours         int              `json:"ours"`   // unexpected runs that were the fault of our network, our resolver or squarewatch
	Missed       int              `json:"missed"` // runs that were due and did not finish
	Unwatched    float64          `json:"unwatched"`
	Probes       []probeReport    `json:"probes"` // the least available first
	Budgets      []budgetReport   `json:"budgets"`
	Incidents    []incidentReport `json:"incidents"` // oldest first
}

// probeReport is the part of one probe.
type probeReport struct {
	Probe        string         `json:"probe"`
	Availability *float64       `json:"availability"`
	Runs         int            `json:"runs"`
	Unexpected   int            `json:"unexpected"`
	Ours         int            `json:"ours"`
	Missed       int            `json:"missed"`
	Reasons      map[string]int `json:"missed_reasons"`
	Mean         float64        `json:"mean"` // of the first answers
	Slowest      float64        `json:"slowest"`

	latency time.Duration
}

// budgetReport is what is left of the error budget of a rule with an objective.
type budgetReport struct {
	Rule      string  `json:"rule"`
	Objective float64 `json:"objective"`
	Runs      int     `json:"runs"`
	Bad       int     `json:"bad"`
	Spent     float64 `json:"spent"` // share of the budget; above 1 it is overspent
}

// incidentReport is an incident, announced or silenced.
type incidentReport struct {
	ID       string      `json:"id"`
	Rule     string      `json:"rule"`
	Series   string      `json:"series"`
	Severity string      `json:"severity"`
	Fired    time.Time   `json:"fired"`
	Resolved *time.Time  `json:"resolved"` // null while it fires
	BadTime  float64     `json:"bad_time"` // from the first bad run to the last one
	BadRuns  int         `json:"bad_runs"`
	Declared float64     `json:"declared"` // how long it fired, without the times before it reopened
	Blame    probe.Blame `json:"blame"`
	Culprit  string      `json:"culprit"` // whose fault, in words
}

// newPeriodReport reads the report of the time from the full hour of since to until.
func newPeriodReport(
	ctx context.Context, cfg *config.Config, runs *history.Store, incidents *outbox.Store, since, until time.Time,
) (*periodReport, error) {
	r := &periodReport{Target: cfg.Target.Host, Location: cfg.Location, From: since.Truncate(time.Hour).UTC(), Until: until.UTC()}
	totals, err := runs.Totals(ctx, r.From, r.Until)
	if err != nil {
		return nil, err
	}
	missed, err := runs.MissedRuns(ctx, r.From, r.Until)
	if err != nil {
		return nil, err
	}
	gaps, err := runs.Gaps(ctx, r.From, r.Until)
	if err != nil {
		return nil, err
	}
	begin, err := runs.Begin(ctx)
	if err != nil {
		return nil, err
	}
	if begin.After(r.From) {
		r.HistoryFrom = &begin
	}
	for _, gap := range gaps {
		r.Unwatched += earlier(gap.Until, r.Until).Sub(later(gap.From, r.From)).Seconds()
	}
	list, err := incidents.Incidents(ctx, outbox.IncidentFilter{Since: r.From, Until: r.Until})
	if err != nil {
		return nil, err
	}
	r.countRuns(totals, missed)
	r.countBudgets(cfg.Rules, totals)
	r.Incidents = make([]incidentReport, 0, len(list))
	for i := range slices.Backward(list) { // the oldest first
		if list[i].Leader == "" { // the incident that it joined announces it
			r.Incidents = append(r.Incidents, newIncidentReport(&list[i], r.Until))
		}
	}
	return r, nil
}

// countRuns adds up runs and missed runs by probe.
func (r *periodReport) countRuns(totals []history.Total, missed []history.Missed) {
	probes := map[string]*probeReport{}
	of := func(name string) *probeReport {
		if probes[name] == nil {
			probes[name] = &probeReport{Probe: name, Reasons: map[string]int{}}
		}
		return probes[name]
	}
	for i := range totals {
		t, p := &totals[i], of(totals[i].Result.Probe)
		p.Runs += t.Runs
		p.latency += t.Latency
		p.Slowest = max(p.Slowest, t.Slowest.Seconds())
		if !t.Result.Expected {
			p.Unexpected += t.Runs
			if isOurs(t.Result.Blame) {
				p.Ours += t.Runs
			}
		}
	}
	for _, m := range missed {
		of(m.Probe).Missed += m.Runs
		of(m.Probe).Reasons[string(m.Reason)] += m.Runs
	}
	r.Probes = make([]probeReport, 0, len(probes))
	for _, name := range sortedKeys(probes) {
		p := probes[name]
		p.Availability = availability(p.Runs, p.Unexpected)
		if p.Runs > 0 {
			p.Mean = (p.latency / time.Duration(p.Runs)).Seconds()
		}
		r.Probes = append(r.Probes, *p)
		r.Runs, r.Unexpected, r.Ours, r.Missed = r.Runs+p.Runs, r.Unexpected+p.Unexpected, r.Ours+p.Ours, r.Missed+p.Missed
	}
	r.Availability = availability(r.Runs, r.Unexpected)
	slices.SortStableFunc(r.Probes, func(a, b probeReport) int { return cmp.Compare(shareOr(a.Availability, 2), shareOr(b.Availability, 2)) })
}

// isOurs reports whether a failure is the fault of our own side, and not of the API.
func isOurs(b probe.Blame) bool {
	return b == probe.BlameNetwork || b == probe.BlameResolver || b == probe.BlameWatcher
}

// availability returns the share of expected runs; nil without runs.
func availability(runs, unexpected int) *float64 {
	if runs == 0 {
		return nil
	}
	return new(float64(runs-unexpected) / float64(runs))
}

func shareOr(share *float64, other float64) float64 {
	if share == nil {
		return other
	}
	return *share
}

// countBudgets computes, for each rule with an objective, what share of its error budget is spent.
func (r *periodReport) countBudgets(rules []alert.Rule, totals []history.Total) {
	r.Budgets = []budgetReport{}
	for i := range rules {
		rule := &rules[i]
		if rule.Objective == 0 {
			continue
		}
		b := budgetReport{Rule: rule.Name, Objective: float64(rule.Objective)}
		for k := range totals {
			t := &totals[k]
			if !rule.Watches(t.Result.Probe) {
				continue
			}
			b.Runs += t.Runs
			if !t.Result.Expected && probe.MatchAny(rule.On, t.Result.Outcome()) {
				b.Bad += t.Runs
			}
		}
		if b.Runs > 0 {
			b.Spent = float64(b.Bad) / float64(b.Runs) / float64(1-rule.Objective)
		}
		r.Budgets = append(r.Budgets, b)
	}
}

func newIncidentReport(i *alert.Incident, until time.Time) incidentReport {
	r := incidentReport{
		ID: i.ID, Rule: i.Rule, Series: i.Series, Severity: string(i.Severity), Fired: i.Fired.UTC(), Resolved: orNull(i.Resolved),
		BadRuns: i.BadRuns, Blame: i.Blame, Culprit: i.Culprit(alert.Wording{}),
	}
	if !i.FirstBad.IsZero() {
		r.BadTime = i.LastBad.Sub(i.FirstBad).Seconds()
	}
	declared := *i
	if declared.Resolved.IsZero() {
		declared.Resolved = until
	}
	r.Declared = declared.Declared().Seconds()
	return r
}

// availabilityText shows an availability with two decimals, never rounded up to 100 %.
func availabilityText(share *float64) string {
	if share == nil {
		return "no runs"
	}
	const precision = 10000
	return strconv.FormatFloat(float64(int(*share*precision))*100/precision, 'f', 2, 64) + "%"
}
