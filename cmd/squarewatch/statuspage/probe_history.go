package statuspage

import (
	"cmp"
	"context"
	"slices"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/config/setting"
	"squarewatch/probe"
	"squarewatch/probe/history"
)

// MissedLine is how many runs were missed for one reason.
type MissedLine struct {
	Reason string `json:"reason"`
	Runs   int    `json:"runs"`
}

// ProbeRate is a rule drawn on the share of bad runs of one probe.
type ProbeRate struct {
	Rule      string        `json:"rule"`
	Window    time.Duration `json:"window_ns"`
	Threshold setting.Share `json:"threshold"`
	Clear     setting.Share `json:"clear"`
	Points    []RatePoint   `json:"points"` // each of a window, or of a part of the period where that is longer
	Fired     []Firing      `json:"fired"`
}

// Budget is the error budget of an objective for one probe.
type Budget struct {
	Rule      string        `json:"rule"`
	Objective setting.Share `json:"objective"`
	Period    time.Duration `json:"period_ns"`
	Runs      int           `json:"runs"`
	Bad       int           `json:"bad"`
	Allowed   int           `json:"allowed"` // number of bad runs that the objective allows
	Spent     setting.Share `json:"spent"`   // above 1 when the objective is missed
}

// shortestPhases is the shortest part for which phases are shown. Only a sample of the healthy runs has phases.
const shortestPhases = 10 * time.Minute

// fillHistory adds what is stored for the period.
func (page *ProbePage) fillHistory(ctx context.Context, s *Snapshot, source *Source, settings *probe.Probe, shown period) (err error) {
	store, name := source.History(), settings.Name
	if page.Buckets, err = store.Buckets(ctx, name, page.Begin, s.Now, shown.part); err != nil {
		return err
	}
	for i := range page.Buckets {
		page.Runs += page.Buckets[i].Runs
		page.Bad += page.Buckets[i].Bad
	}
	if page.Runs > 0 {
		page.Good = setting.Share(page.Runs-page.Bad) / setting.Share(page.Runs)
	}
	if page.Phases, err = store.Phases(ctx, name, page.Begin, s.Now, max(shown.part, shortestPhases)); err != nil {
		return err
	}
	missed, err := store.MissesOf(ctx, name, page.Begin, s.Now, maxMisses)
	if err != nil {
		return err
	}
	page.countMissed(missed)
	newest, err := store.RunsOf(ctx, name, page.Begin, s.Now, stripCells)
	if err != nil {
		return err
	}
	page.Newest = linesOf(missed, newest)
	if err := page.fillRate(ctx, s, source, settings, shown); err != nil {
		return err
	}
	return page.fillBudgets(ctx, s, store, settings)
}

// countMissed adds up missed runs by their reason.
func (page *ProbePage) countMissed(missed []probe.Miss) {
	for _, m := range missed {
		page.Missed += m.Count
		reason := missReason(m.Reason)
		i := slices.IndexFunc(page.MissedBy, func(l MissedLine) bool { return l.Reason == reason })
		if i < 0 {
			i = len(page.MissedBy)
			page.MissedBy = append(page.MissedBy, MissedLine{Reason: reason})
		}
		page.MissedBy[i].Runs += m.Count
	}
	slices.SortStableFunc(page.MissedBy, func(a, b MissedLine) int { return cmp.Compare(b.Runs, a.Runs) })
}

// fillRate draws a rule that counts the probe alone: the rule nearest to firing, or else the first.
func (page *ProbePage) fillRate(ctx context.Context, s *Snapshot, source *Source, settings *probe.Probe, shown period) error {
	var rule *alert.Rule
	for i := range s.Rules {
		r := &s.Rules[i]
		if r.Per == alert.PerProbe && r.Watches(settings.Name) && (rule == nil || r.Name == page.Row.Rule) {
			rule = r
		}
	}
	if rule == nil {
		return nil
	}
	rate := &ProbeRate{Rule: rule.Name}
	rate.Window, rate.Threshold, rate.Clear = drawn(rule)
	length := max(rate.Window, shown.part)
	ups, err := source.History().RollupsOf(ctx, settings.Name, page.Begin.Add(-length), s.Now, shown.part)
	if err != nil {
		return err
	}
	rate.Points = rolling(rule, ups, page.Begin, s.Now, shown.part, length)
	rate.Fired, err = firedOf(ctx, s, source, rule.Name, settings.Name, page.Begin)
	page.Rate = rate
	return err
}

// rolling returns the share of bad runs in the time of a length that ends with each part of a period; times without runs are left out.
func rolling(rule *alert.Rule, ups []history.Rollup, begin, end time.Time, part, length time.Duration) []RatePoint {
	var list []RatePoint
	for at := begin.Add(part); ; at = at.Add(part) {
		p := RatePoint{At: at}
		if at.After(end) {
			p.At = end
		}
		for i := range ups {
			if ended := ups[i].Result.End; ended.After(p.At.Add(-length)) && !ups[i].Begin().After(p.At) {
				p.count(rule, &ups[i])
			}
		}
		if p.Runs > 0 {
			p.Rate = setting.Share(p.Bad) / setting.Share(p.Runs)
			list = append(list, p)
		}
		if !at.Before(end) {
			return list
		}
	}
}

// firedOf returns the incidents of a rule and series that fired or ended after begin, in order.
func firedOf(ctx context.Context, s *Snapshot, source *Source, rule, series string, begin time.Time) ([]Firing, error) {
	all := slices.Concat(s.Firing, s.Ended)
	if store := source.Store(); store != nil {
		stored, err := store.Incidents(ctx, outbox.IncidentFilter{Rule: rule, Series: series, Since: begin})
		if err != nil {
			return nil, err
		}
		all = append(all, stored...)
	}
	var list []Firing
	known := map[string]bool{}
	for i := range all {
		incident := &all[i]
		ended := !incident.Resolved.IsZero() && incident.Resolved.Before(begin)
		if incident.Rule == rule && incident.Series == series && !ended && !known[incident.ID] {
			known[incident.ID] = true
			list = append(list, Firing{Series: series, At: incident.Fired, Over: incident.Resolved})
		}
	}
	slices.SortFunc(list, func(a, b Firing) int { return a.At.Compare(b.At) })
	return list, nil
}

// fillBudgets adds the error budget of each objective that counts the probe alone.
func (page *ProbePage) fillBudgets(ctx context.Context, s *Snapshot, store *history.Store, settings *probe.Probe) error {
	for i := range s.Rules {
		rule := &s.Rules[i]
		if rule.Objective == 0 || rule.Per != alert.PerProbe || !rule.Watches(settings.Name) {
			continue
		}
		ups, err := store.RollupsOf(ctx, settings.Name, s.Now.Add(-rule.Period), s.Now, time.Hour)
		if err != nil {
			return err
		}
		var p RatePoint
		for k := range ups {
			p.count(rule, &ups[k])
		}
		b := Budget{Rule: rule.Name, Objective: rule.Objective, Period: rule.Period, Runs: p.Runs, Bad: p.Bad}
		allowed := float64(p.Runs) * float64(1-rule.Objective)
		if b.Allowed = int(allowed + 1e-9); allowed > 0 { // 10 % of 10 runs is not quite 1
			b.Spent = setting.Share(float64(p.Bad) / allowed)
		}
		page.Budgets = append(page.Budgets, b)
	}
	return nil
}

// LatencyChart draws the latency of the period.
func (page *ProbePage) LatencyChart() LatencyChart {
	return drawLatency(page.Buckets, page.Phases, page.drawnFrom(), page.Now)
}

// RateChart draws the rule on the rate.
func (page *ProbePage) RateChart() RateChart {
	r := page.Rate
	return drawRate(r.Points, r.Threshold, r.Clear, r.Fired, page.drawnFrom(), page.Now)
}

// drawnFrom returns when charts begin: with the period, or with the first run in it.
func (page *ProbePage) drawnFrom() time.Time {
	if len(page.Buckets) > 0 && page.Buckets[0].Begin.After(page.Begin) {
		return page.Buckets[0].Begin
	}
	return page.Begin
}

// maxMisses limits the times at which runs were missed that one page reads.
const maxMisses = 2000

// linesOf lists runs and missed runs, newest first, at most stripCells.
func linesOf(missed []probe.Miss, runs []history.Record) []RunLine {
	var lines []RunLine
	for _, m := range missed {
		line := RunLine{At: m.Intended, Kind: CellMissed, What: "missed", Reason: missReason(m.Reason)}
		if m.Count > 1 {
			line.What = count(m.Count, "run", "runs") + " missed"
		}
		lines = append(lines, line)
	}
	for _, r := range runs {
		line := RunLine{
			At: r.End, Kind: kindOf(r.Result), What: outcome(r.Class, r.Code), Latency: r.Latency, Reason: foreign(r.Reason, cutExcerpt),
		}
		if r.Detailed {
			line.Trace = r.Trace.String()
		}
		lines = append(lines, line)
	}
	slices.SortStableFunc(lines, func(a, b RunLine) int { return b.At.Compare(a.At) })
	return lines[:min(len(lines), stripCells)]
}

// linesOfCells lists the cells of a strip, newest first, where nothing is stored.
func linesOfCells(cells []Cell) []RunLine {
	lines := make([]RunLine, 0, len(cells))
	for _, c := range slices.Backward(cells) {
		line := RunLine{At: c.At, Kind: c.Kind, What: outcome(c.Class, c.Code), Latency: c.Latency}
		if c.Kind == CellMissed {
			line.What, line.Reason = "missed", missReason(c.Missed)
		}
		lines = append(lines, line)
	}
	return lines
}
