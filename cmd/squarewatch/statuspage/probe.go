package statuspage

import (
	"cmp"
	"context"
	"slices"
	"time"

	"squarewatch/alert"
	"squarewatch/config/setting"
	"squarewatch/probe"
	"squarewatch/probe/history"
)

// ProbePage is the page of one probe.
type ProbePage struct {
	Head

	Row       Row                 `json:"row"`
	Reason    string              `json:"reason,omitempty"` // why the last run is unexpected
	Excerpt   string              `json:"excerpt,omitempty"`
	Problems  []Problem           `json:"problems"` // that concern the probe
	Request   Request             `json:"request"`
	Period    string              `json:"period"`
	Periods   []string            `json:"periods"`
	Runs      int                 `json:"runs"`
	Bad       int                 `json:"bad"`
	Good      setting.Share       `json:"good"`
	Missed    int                 `json:"missed"`
	MissedBy  []MissedLine        `json:"missed_by"` // the most frequent reason first
	P50       time.Duration       `json:"p50_ns"`    // of the cells of the strip, like the next two
	P95       time.Duration       `json:"p95_ns"`
	P99       time.Duration       `json:"p99_ns"`
	Begin     time.Time           `json:"begin"`
	Buckets   []history.Bucket    `json:"buckets"`
	Phases    []history.PhaseMean `json:"phases"`         // of a sample of the runs
	Rate      *ProbeRate          `json:"rate,omitempty"` // absent where no rule counts the probe alone
	Budgets   []Budget            `json:"budgets"`        // of rules with an objective
	Newest    []RunLine           `json:"newest"`         // runs and missed runs, newest first
	Rules     []RuleLine          `json:"rules"`
	Kept      bool                `json:"kept"`
	Incidents []Entry             `json:"incidents"`
}

// Request is what a probe sends and expects, without secrets.
type Request struct {
	Method     string            `json:"method"`
	Path       string            `json:"path"` // without its query
	Credential string            `json:"credential"`
	Schedule   string            `json:"schedule"`
	Next       time.Time         `json:"next,omitzero"`
	Timeout    time.Duration     `json:"timeout_ns"`
	Expect     string            `json:"expect"`
	Labels     map[string]string `json:"labels,omitempty"`
}

// RunLine is a run in a list.
type RunLine struct {
	At      time.Time     `json:"at"`
	Kind    CellKind      `json:"kind"`
	What    string        `json:"what"`
	Latency time.Duration `json:"latency_ns"`
	Reason  string        `json:"reason,omitempty"`
	Trace   string        `json:"trace,omitempty"`
}

// RuleLine is a rule that counts the probe.
type RuleLine struct {
	Name  string      `json:"name"`
	State alert.State `json:"state"`
}

// period is a time span that a page can show.
type period struct {
	name         string
	length, part time.Duration // a part is the smallest time span that is drawn
}

func periods() []period {
	return []period{
		{"1h", time.Hour, time.Minute},
		{"24h", 24 * time.Hour, 20 * time.Minute},
		{"7d", 7 * 24 * time.Hour, 3 * time.Hour},
		{"90d", 90 * 24 * time.Hour, 24 * time.Hour},
	}
}

// periodOf returns the period with a name. An unknown name gives the first period.
func periodOf(name string) period {
	all := periods()
	if i := slices.IndexFunc(all, func(p period) bool { return p.name == name }); i >= 0 {
		return all[i]
	}
	return all[0]
}

// NewProbePage makes the page of a probe. It returns false when there is no probe with this name.
func NewProbePage(ctx context.Context, s *Snapshot, source *Source, name, periodName string) (*ProbePage, bool, error) {
	i := slices.IndexFunc(s.Probes, func(p Probe) bool { return p.Settings.Name == name })
	if i < 0 {
		return nil, false, nil
	}
	one := *s
	one.Probes = s.Probes[i : i+1]
	p := &s.Probes[i]
	cells := p.Recent.Cells.All()
	store := source.History()
	shown := periodOf(periodName)
	page := &ProbePage{
		Row: rowsOf(&one)[0], Reason: foreign(p.Recent.Last.Reason, cutExcerpt), Excerpt: foreign(p.Recent.Last.Excerpt, cutExcerpt),
		Request: requestOf(p, s.Now), Period: shown.name, P50: percentile(cells, 0.5), P95: percentile(cells, 0.95), P99: percentile(cells, 0.99),
		Begin: s.Now.Add(-shown.length), Kept: store != nil,
	}
	page.Row.measure(s)
	for _, known := range periods() {
		page.Periods = append(page.Periods, known.name)
	}
	page.fillAlerts(s, p.Settings)
	state := map[string]string{"bad": "bad", "healthy": "good"}[group(page.Row.State)]
	page.Head = headOf(s, name, cmp.Or(state, "unknown"))
	if store == nil {
		page.Newest = linesOfCells(cells)
		return page, true, nil
	}
	return page, true, page.fillHistory(ctx, s, source, p.Settings, shown)
}

func requestOf(p *Probe, now time.Time) Request {
	settings := p.Settings
	r := Request{
		Method: settings.Method, Path: settings.Template(), Credential: settings.Credential, Schedule: settings.Schedule.String(),
		Next: settings.Schedule.Next(now), Timeout: settings.Timeout, Expect: expectation(&settings.Expect), Labels: map[string]string{},
	}
	for name, value := range settings.Labels {
		r.Labels[foreign(name, cutName)] = foreign(value, cutName)
	}
	return r
}

// expectation describes what a probe expects.
func expectation(e *probe.Expect) string {
	text := "2xx"
	for i, s := range e.Status {
		if i == 0 {
			text = s.String()
			continue
		}
		text += ", " + s.String()
	}
	if e.JSON != "" {
		text += "; JSON: " + e.JSON
	}
	if e.Latency > 0 {
		text += "; within " + millis(e.Latency)
	}
	if e.CertificateDays > 0 {
		text += "; certificate valid for " + count(e.CertificateDays, "day", "days")
	}
	return text
}

// fillAlerts adds the state of the probe in each rule.
func (page *ProbePage) fillAlerts(s *Snapshot, settings *probe.Probe) {
	states := map[[2]string]alert.State{}
	for i := range s.Series {
		states[[2]string{s.Series[i].Rule, s.Series[i].Series}] = s.Series[i].State
	}
	series := map[string]string{}
	for i := range s.Rules {
		if r := &s.Rules[i]; r.Watches(settings.Name) {
			series[r.Name] = r.SeriesOf(settings)
			page.Rules = append(page.Rules, RuleLine{Name: r.Name, State: states[[2]string{r.Name, series[r.Name]}]})
		}
	}
	concerns := func(i *alert.Incident) bool {
		return i.Series == settings.Name || series[i.Rule] != "" && series[i.Rule] == i.Series
	}
	for i := range s.Firing {
		if concerns(&s.Firing[i]) {
			page.Problems = append(page.Problems, problemOf(&s.Firing[i]))
			page.Incidents = append(page.Incidents, entryOf(&s.Firing[i]))
		}
	}
	for i := range s.Ended {
		if concerns(&s.Ended[i]) {
			page.Incidents = append(page.Incidents, entryOf(&s.Ended[i]))
		}
	}
}
