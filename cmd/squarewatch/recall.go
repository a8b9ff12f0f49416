package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
	"squarewatch/probe/history"
)

const (
	// recentRuns is the time for which an engine receives single runs. For older runs the roll-ups of each minute are exact enough.
	recentRuns = 10 * time.Minute
	// fineRollups is the time for which windows are filled with the roll-ups of minutes. Older runs count only in windows of a day
	// and more. These windows have buckets longer than a quarter of an hour, so the roll-ups of hours are exact enough.
	fineRollups = 6 * time.Hour
	// largestRecall limits the runs, and the roll-ups, that the start reads before it probes: half a second of work. The rest is read while
	// probing.
	largestRecall = 50_000
)

// recall fills an engine's windows with stored runs. When there are too many for a quick start, it recalls only the last runs, and
// [opened.fill] fills the windows while probing.
func (o *opened) recall(ctx context.Context, engine *alert.Engine, now time.Time) error {
	all, last := engine.Lookback()
	amount, err := o.history.AmountSince(ctx, now.Add(-all), largestRecall)
	if err != nil {
		return err
	}
	if amount.Rollups >= largestRecall || amount.Runs >= largestRecall {
		return o.recallQuickly(ctx, engine, all, last, now)
	}
	recent := now.Add(-min(all, recentRuns)).Truncate(time.Minute)
	begin := recent
	if all > recentRuns {
		begin = now.Add(-all)
	}
	if err := o.recallLast(ctx, engine, last, begin); err != nil {
		return err
	}
	return o.recallWindows(ctx, engine, begin, recent, now)
}

// recallQuickly recalls as many of the last runs as a quick start allows, and leaves the rest to fill.
func (o *opened) recallQuickly(ctx context.Context, engine *alert.Engine, all time.Duration, last map[string]int, now time.Time) error {
	single, err := o.history.BeginOfNewestRuns(ctx, now.Add(-min(all, recentRuns)), largestRecall)
	if err != nil {
		return err
	}
	recent := single.Truncate(time.Minute).Add(time.Minute) // single runs are read from this whole minute on
	o.filled = recent
	engine.BeginFill(now.Sub(recent))
	if len(last) < largestRecall/100 { // it needs a query for each probe
		if err := o.recallLast(ctx, engine, last, recent); err != nil {
			return err
		}
	}
	return o.recallWindows(ctx, engine, recent, recent, now)
}

// recallLast recalls the last runs of probes that ended before or at until.
func (o *opened) recallLast(ctx context.Context, engine *alert.Engine, last map[string]int, until time.Time) error {
	for name, count := range last {
		runs, err := o.history.Last(ctx, name, count, until)
		if err != nil {
			return err
		}
		for _, r := range runs {
			engine.Recall(r)
		}
	}
	return nil
}

// recallWindows gives an engine the roll-ups of the minutes from begin to recent, and the runs from there to now.
func (o *opened) recallWindows(ctx context.Context, engine *alert.Engine, begin, recent, now time.Time) error {
	gaps, err := o.history.Gaps(ctx, begin, now)
	if err != nil {
		return err
	}
	recall := func(r *probe.Result, runs int) {
		for len(gaps) > 0 && !gaps[0].Until.After(r.End) { // times in which the daemon did not run
			engine.Unwatched(gaps[0].Until)
			gaps = gaps[1:]
		}
		for range runs {
			engine.Recall(r)
		}
	}
	for up, err := range o.history.Rollups(ctx, begin, recent) {
		if err != nil {
			return err
		}
		recall(&up.Result, up.Runs)
	}
	for r, err := range o.history.Runs(ctx, recent, now) {
		if err != nil {
			return err
		}
		recall(r, 1)
	}
	return nil
}

// fill fills the windows of a running engine with the runs that recall left out. It reads in parts, so that others can use the database
// between two parts. It returns when the windows are full or ctx ends.
func (o *opened) fill(ctx context.Context, evaluator *alert.Evaluator) error {
	if o.filled.IsZero() {
		return nil
	}
	defer evaluator.EndFill() // a rule with windows that are partly full is better than none
	begin, fine := o.filled.Add(-evaluator.Lookback()), o.filled.Add(-fineRollups).Truncate(time.Hour)
	return errors.Join(
		fillWith(ctx, evaluator, o.history.Hours, begin, fine, 6*time.Hour),
		fillWith(ctx, evaluator, o.history.Minutes, later(fine, begin), o.filled, 10*time.Minute),
	)
}

// fillWith fills the windows with the roll-ups of a period, in parts of a length.
func fillWith(ctx context.Context, evaluator *alert.Evaluator,
	read func(ctx context.Context, since, until time.Time) iter.Seq2[history.Rollup, error], since, until time.Time, part time.Duration,
) error {
	for since.Before(until) {
		next := earlier(since.Add(part), until)
		var runs []alert.EqualRuns
		for up, err := range read(ctx, since, next) {
			if err != nil {
				return fmt.Errorf("fill windows with runs from before the start: %w", err)
			}
			runs = append(runs, alert.EqualRuns{Result: &up.Result, Runs: up.Runs})
		}
		evaluator.FillWith(runs)
		since = next
	}
	return nil
}
