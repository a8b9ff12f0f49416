package statuspage

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"squarewatch/alert"
	"squarewatch/config/setting"
	"squarewatch/probe/history"
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
	Fault    string      `json:"fault,omitempty"` // why the form was not tried
	Tried    bool        `json:"tried"`
	AsItIs   Backtest    `json:"as_it_is"`
	Then     Backtest    `json:"as_tried"`
	Sentence string      `json:"sentence,omitempty"`
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

// newRulePage makes the page of a rule, without the experiment; false when there is none.
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

// experiment reads the form; an error is for the person who filled it in.
func (page *RulePage) experiment(query url.Values) (alert.Rule, time.Duration, error) {
	for field, value := range map[string]*string{
		"threshold": &page.Form.Threshold, "window": &page.Form.Window, "min_runs": &page.Form.MinRuns, "since": &page.Form.Since,
	} {
		if given := query.Get(field); given != "" {
			*value = foreign(given, cutName)
		}
	}
	rule := *page.rule
	var window, since setting.Duration
	var faults []error
	var err error
	if rule.Threshold, err = setting.ParseShare(page.Form.Threshold); err != nil {
		faults = append(faults, fmt.Errorf("threshold: %w", err))
	}
	if err := window.UnmarshalText([]byte(page.Form.Window)); err != nil {
		faults = append(faults, fmt.Errorf("window: %w", err))
	}
	if rule.MinRuns, err = strconv.Atoi(page.Form.MinRuns); err != nil {
		faults = append(faults, fmt.Errorf("min_runs: %q is not a number", page.Form.MinRuns))
	}
	if err := since.UnmarshalText([]byte(page.Form.Since)); err != nil || !slices.Contains(backtestPeriods(), page.Form.Since) {
		faults = append(faults, fmt.Errorf("since: choose one of %s", strings.Join(backtestPeriods(), ", ")))
	}
	rule.Window = time.Duration(window)
	if page.rule.Clear >= rule.Threshold || page.rule.Clear == page.rule.Threshold/2 {
		rule.Clear = rule.Threshold / 2
	}
	if len(faults) == 0 {
		faults = append(faults, rule.Validate())
	}
	return rule, time.Duration(since), errors.Join(faults...)
}

// try fills in the experiment.
func (page *RulePage) try(ctx context.Context, source *Source, store *history.Store, query url.Values) error {
	rule, since, err := page.experiment(query)
	if err != nil {
		page.Fault = foreign(err.Error(), cutExcerpt)
		return nil
	}
	if page.AsItIs, err = source.Backtest(ctx, page.rule, since); err != nil {
		return err
	}
	if page.Then, err = source.Backtest(ctx, &rule, since); err != nil {
		return err
	}
	page.Sentence = compare(&page.AsItIs, &page.Then)
	page.YAML = fmt.Sprintf("threshold: %v\nwindow: %v\nmin_runs: %d\n", rule.Threshold, setting.Duration(rule.Window), rule.MinRuns)
	page.begin = page.end.Add(-since)
	page.Rates, err = ratesOf(ctx, store, &rule, page.begin, page.end)
	page.rule = &rule
	return err
}

// compare says how an experiment differs from the rule as it is.
func compare(now, then *Backtest) string {
	text := fmt.Sprintf("Would have fired %s (as it is: %d)", count(len(then.Fired), "time", "times"), len(now.Fired))
	if len(now.Fired) == 0 || len(then.Fired) == 0 {
		return text + "."
	}
	switch sooner := now.Fired[0].At.Sub(then.Fired[0].At); {
	case sooner > 0:
		text += ", the first time " + lasting(sooner) + " sooner"
	case sooner < 0:
		text += ", the first time " + lasting(-sooner) + " later"
	}
	return text + "."
}

// rateParts is into how many parts a period is divided.
const rateParts = 120

// ratesOf returns the share of bad runs of all watched probes in each part of a period, from the stored counts of minutes and hours.
func ratesOf(ctx context.Context, store *history.Store, rule *alert.Rule, begin, end time.Time) ([]RatePoint, error) {
	if store == nil {
		return nil, nil
	}
	part := max(end.Sub(begin)/rateParts, time.Minute)
	var list []RatePoint
	for at := begin; at.Before(end); at = at.Add(part) { // the daemon writes between two parts
		p := RatePoint{At: at.Add(part / 2)}
		for up, err := range store.Rollups(ctx, at, at.Add(part)) {
			if err != nil {
				return nil, err
			}
			p.count(rule, &up)
		}
		if p.Runs > 0 {
			p.Rate = setting.Share(p.Bad) / setting.Share(p.Runs)
			list = append(list, p)
		}
	}
	return list, nil
}

// count adds runs that a rule counts.
func (p *RatePoint) count(rule *alert.Rule, up *history.Rollup) {
	counted, bad := rule.Counts(&up.Result)
	if !counted || !rule.Watches(up.Result.Probe) {
		return
	}
	p.Runs += up.Runs
	if bad {
		p.Bad += up.Runs
	}
}

// Chart draws the rate of the experiment with its threshold and its incidents.
func (page *RulePage) Chart() RateChart {
	_, threshold, clear := drawn(page.rule)
	return drawRate(page.Rates, threshold, clear, page.Then.Fired, page.begin, page.end)
}
