package statuspage

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/config/setting"
)

// RulePage is the page of one rule, with a form that tries other settings on the stored history.
type RulePage struct {
	Head

	Name     string      `json:"name"`
	On       string      `json:"on"`
	Probes   string      `json:"probes"`
	Per      alert.Per   `json:"per"`
	Series   []RuleLine  `json:"series"` // that do not rest
	Form     Form        `json:"form"`
	Fault    string      `json:"fault,omitempty"` // why the experiment did not run
	Tried    bool        `json:"tried"`
	AsItIs   Backtest    `json:"as_it_is"`
	Then     Backtest    `json:"as_tried"`
	Sentence string      `json:"sentence,omitempty"`
	Trials   []Trial     `json:"trials"`  // the incidents of as_tried beside the real ones
	Unfired  []Entry     `json:"unfired"` // real incidents of the period that would not have fired
	Rates    []RatePoint `json:"rates"`
	Real     []Entry     `json:"real"` // incidents of seven days
	YAML     string      `json:"yaml,omitempty"`
	Kept     bool        `json:"kept"`

	rule       *alert.Rule
	begin, end time.Time
}

// Form is an experiment: the settings as they are written in the address.
type Form struct {
	Threshold string   `json:"threshold"`
	Window    string   `json:"window"`
	MinRuns   string   `json:"min_runs"`
	Since     string   `json:"since"`
	Periods   []string `json:"periods"`
}

func backtestPeriods() []string { return []string{"1h", "6h", "24h", "72h"} }

// newRulePage makes the page of a rule, without the experiment. It returns false when there is no such rule.
func newRulePage(s *Snapshot, name string, query url.Values) (*RulePage, bool) {
	i := slices.IndexFunc(s.Rules, func(r alert.Rule) bool { return r.Name == name })
	if i < 0 {
		return nil, false
	}
	rule := s.Rules[i]
	page := &RulePage{Name: name, Probes: strings.Join(rule.Probes, ", "), Per: rule.Per, Kept: s.Kept, rule: &rule, end: s.Now}
	on := make([]string, 0, len(rule.On))
	for _, selector := range rule.On {
		on = append(on, selector.String())
	}
	page.On = strings.Join(on, ", ")
	for k := range s.Series {
		if a := &s.Series[k]; a.Rule == name && a.State != alert.Inactive {
			page.Series = append(page.Series, RuleLine{Name: foreign(a.Series, cutName), State: a.State})
		}
	}
	page.Real = slices.DeleteFunc(entriesOf(s), func(e Entry) bool { return e.Rule != name })
	page.Form = Form{
		Threshold: rule.Threshold.String(), Window: setting.Duration(rule.Window).String(), MinRuns: strconv.Itoa(rule.MinRuns), Since: "24h",
		Periods: backtestPeriods(),
	}
	state := "good"
	if slices.ContainsFunc(page.Series, func(l RuleLine) bool { return l.State == alert.Firing }) {
		state = "bad"
	}
	page.Head = headOf(s, "Rule "+name, state)
	page.Tried = query.Has("threshold") || query.Has("window") || query.Has("min_runs")
	return page, true
}
