package statuspage

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/config/setting"
	"squarewatch/probe"
)

// Problem is an incident as a page shows it.
type Problem struct {
	ID        string         `json:"id"`
	Rule      string         `json:"rule"`
	Series    string         `json:"series"`
	Severity  alert.Severity `json:"severity"`
	Say       string         `json:"say"` // what happens and whose fault it is
	Act       string         `json:"act"` // what to do now
	Culprit   string         `json:"culprit,omitempty"`
	Reasons   []Reason       `json:"reasons"` // why the culprit is known
	Since     time.Time      `json:"since"`
	FirstBad  time.Time      `json:"first_bad,omitzero"`
	LastBad   time.Time      `json:"last_bad,omitzero"`
	Fired     time.Time      `json:"fired"`
	Resolved  time.Time      `json:"resolved,omitzero"`
	Counted   bool           `json:"counted"` // bad, runs and rate have a meaning
	Bad       int            `json:"bad"`
	Runs      int            `json:"runs"`
	Rate      setting.Share  `json:"rate"`
	BadRuns   int            `json:"bad_runs"`
	Examples  []Example      `json:"examples"`
	TakenBy   string         `json:"taken_by,omitempty"`
	TakenAt   time.Time      `json:"taken_at,omitzero"`
	Silenced  time.Time      `json:"silenced,omitzero"` // end of the silence
	Also      []string       `json:"also"`              // series with the same cause
	Runbook   string         `json:"runbook,omitempty"`
	Note      string         `json:"note,omitempty"` // why it ended without a recovery
	Breach    bool           `json:"breach,omitempty"`
	Threshold setting.Share  `json:"threshold"`
}

// Reason is one piece of evidence.
type Reason struct {
	Text string    `json:"text"`
	At   time.Time `json:"at,omitzero"`
	For  string    `json:"for,omitempty"` // the culprit that it points at; for incidents only
}

// Example is a bad run of an incident.
type Example struct {
	Probe   string    `json:"probe"`
	At      time.Time `json:"at"`
	What    string    `json:"what"`
	Reason  string    `json:"reason"`
	Excerpt string    `json:"excerpt,omitempty"`
	Trace   string    `json:"trace,omitempty"`

	TraceURL string `json:"trace_url,omitempty"` // on the home page, of the newest run
}

// problemOf describes an incident with the same sentences as the message in Slack.
func problemOf(i *alert.Incident) Problem {
	p := Problem{
		ID: i.ID, Rule: i.Rule, Series: foreign(i.Series, cutName), Severity: i.Severity, Culprit: i.Culprit(wording()), Since: i.Since,
		FirstBad: i.FirstBad, LastBad: i.LastBad, Fired: i.Fired, Resolved: i.Resolved, Bad: i.Bad, Runs: i.Runs, Rate: i.Rate,
		BadRuns: i.BadRuns, Runbook: foreign(i.Runbook, cutExcerpt), Note: foreign(i.EndReason, cutExcerpt), Threshold: i.Threshold,
		Breach:  i.Condition == alert.ConditionAccess,
		Counted: i.Runs > 0 && (i.Condition == alert.ConditionRate || i.Condition == alert.ConditionStreak || i.Condition == alert.ConditionBurn),
	}
	explained, ok := i.Explain(wording())
	p.Say, p.Act = explained.Say, explained.Act
	if !ok {
		p.Say = "The rule " + i.Rule + " fires for " + p.Series + "."
	}
	for _, e := range explained.Reasons {
		p.Reasons = append(p.Reasons, Reason{Text: foreign(e.Text, cutExcerpt), At: e.At, For: i.Named(e.For, wording())})
	}
	for k := range i.Examples {
		p.Examples = append(p.Examples, exampleOf(&i.Examples[k]))
	}
	if a := i.Acknowledged; a != nil {
		p.TakenBy, p.TakenAt = foreign(a.By, cutName), a.At
	}
	for _, name := range slices.Concat(i.JoinedNames(false), i.Affected) {
		if name = foreign(name, cutName); !slices.Contains(p.Also, name) {
			p.Also = append(p.Also, name)
		}
	}
	return p
}

func exampleOf(e *alert.Example) Example {
	x := Example{
		Probe: e.Probe, At: e.At, What: outcome(e.Class, e.Code), Reason: foreign(e.Reason, cutExcerpt), Excerpt: foreign(e.Excerpt, cutExcerpt),
	}
	if e.Trace.IsValid() {
		x.Trace = e.Trace.String()
	}
	return x
}

// Newest returns the newest bad run, or nil when there is none.
func (p *Problem) Newest() *Example {
	if len(p.Examples) == 0 {
		return nil
	}
	return &p.Examples[0]
}

// Linked reports whether the runbook is a web address, and not for example the name of a page.
func (p *Problem) Linked() bool {
	return strings.HasPrefix(p.Runbook, "https://") || strings.HasPrefix(p.Runbook, "http://")
}

// Open reports whether the incident still fires.
func (p *Problem) Open() bool { return p.Resolved.IsZero() }

// problemsOf returns the firing incidents, the worst first, and counts those that it leaves out. Those that another incident announces are
// in its Also.
func problemsOf(s *Snapshot) (list []Problem, left int) {
	firing := map[[2]string]*alert.Status{}
	for i := range s.Series {
		if a := &s.Series[i]; a.State == alert.Firing {
			firing[[2]string{a.Rule, a.Series}] = a
		}
	}
	var all []*alert.Incident
	silenced := map[*alert.Incident]time.Time{}
	for i := range s.Firing {
		incident := &s.Firing[i]
		known := firing[[2]string{incident.Rule, incident.Series}]
		if incident.Leader != "" || known != nil && known.CoveredBy != "" {
			continue
		}
		all = append(all, incident)
		if known != nil {
			silenced[incident] = known.SilencedUntil
		}
	}
	slices.SortStableFunc(all, func(a, b *alert.Incident) int {
		return cmp.Or(cmp.Compare(urgency(a, silenced[a]), urgency(b, silenced[b])), a.Fired.Compare(b.Fired))
	})
	for _, incident := range all[:min(len(all), maxProblems)] {
		p := problemOf(incident)
		p.Silenced = silenced[incident]
		list = append(list, p)
	}
	return list, len(all) - len(list)
}

// urgency orders incidents: a breach first, silenced ones last.
func urgency(i *alert.Incident, silenced time.Time) int {
	order := map[alert.Severity]int{alert.Critical: 1, alert.Warning: 2, alert.Info: 3}
	switch {
	case i.Condition == alert.ConditionAccess:
		return 0
	case !silenced.IsZero():
		return 10 + order[i.Severity]
	}
	return order[i.Severity]
}

// isOurs reports whether a culprit is on our own side of the API.
func isOurs(b probe.Blame) bool {
	return b == probe.BlameNetwork || b == probe.BlameResolver || b == probe.BlameWatcher
}
