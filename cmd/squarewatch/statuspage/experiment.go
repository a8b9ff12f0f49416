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

// experiment reads the form. The person who filled in the form sees the error.
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
	page.pairReal()
	page.Rates, err = ratesOf(ctx, store, &rule, page.begin, page.end)
	page.rule = &rule
	return err
}

// Trial is an incident of an experiment.
type Trial struct {
	Firing

	Real *Entry `json:"real,omitempty"` // the real incident of the same time and series; nil for none
}

// pairReal finds the real incident for each incident of the experiment.
func (page *RulePage) pairReal() {
	found := map[string]bool{}
	for _, f := range page.Then.Fired {
		trial := Trial{Firing: f}
		for i := range page.Real {
			if e := &page.Real[i]; e.Series == f.Series && f.meets(e.Since, e.Resolved) {
				trial.Real, found[e.ID] = e, true
			}
		}
		page.Trials = append(page.Trials, trial)
	}
	for _, e := range page.Real {
		if !found[e.ID] && (e.Resolved.IsZero() || e.Resolved.After(page.begin)) {
			page.Unfired = append(page.Unfired, e)
		}
	}
}

// meets reports whether two incidents overlap in time. The other incident lasts until now when its end is zero.
func (f *Firing) meets(begin, end time.Time) bool {
	return (end.IsZero() || !f.At.After(end)) && (f.Over.IsZero() || !f.Over.Before(begin))
}

// compare says how an experiment differs from the current rule.
func compare(now, then *Backtest) string {
	text := fmt.Sprintf("Would have fired %s (as it is: %d)", count(len(then.Fired), "time", "times"), len(now.Fired))
	var sooner []time.Duration // for each incident that both have
	for _, is := range now.Fired {
		i := slices.IndexFunc(then.Fired, func(f Firing) bool { return f.Series == is.Series && f.meets(is.At, is.Over) })
		if i >= 0 {
			sooner = append(sooner, is.At.Sub(then.Fired[i].At))
		}
	}
	if len(sooner) == 0 {
		return text + "."
	}
	slices.Sort(sooner)
	latest, earliest := sooner[0], sooner[len(sooner)-1]
	switch {
	case earliest > 0 && latest < 0:
		text += fmt.Sprintf(", the same incidents up to %s sooner and up to %s later", lasting(earliest), lasting(-latest))
	case earliest > 0:
		text += fmt.Sprintf(", the same incidents up to %s sooner", lasting(earliest))
	case latest < 0:
		text += fmt.Sprintf(", the same incidents up to %s later", lasting(-latest))
	default:
		text += ", the same incidents at the same time"
	}
	return text + "."
}

// rateParts is the number of parts of a period.
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
