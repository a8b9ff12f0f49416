package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"

	"squarewatch/alert"
	"squarewatch/config"
	"squarewatch/probe"
	"squarewatch/probe/history"
)

// source holds the runs of a backtest.
type source struct {
	runs   iter.Seq2[*probe.Result, error]
	gaps   []history.Gap
	filled time.Time // runs until this time only fill windows; later runs are evaluated
	begin  time.Time // of the period; zero to begin with the first run
	until  time.Time // end of the period; zero to end with the last run
	oldest time.Time // when the stored history begins; zero when nothing is stored
	hours  bool      // a part of the asked period has only counts of whole hours, so begin is later
}

// newSource opens the stored history, or a file of results. The returned function closes it.
func newSource(ctx context.Context, cfg *config.Config, from string, since time.Duration, now time.Time) (source, func(), error) {
	if from != "" {
		return fileSource(from)
	}
	if cfg.StateDir == "" {
		return source{}, nil, errors.New("there is no history: state_dir is none; set it, or name a file with --from")
	}
	db, end, err := readHistory(ctx, cfg)
	if err != nil {
		return source{}, nil, err
	}
	s, err := storedSource(ctx, cfg, history.ReadStore(db), since, now)
	if err != nil {
		end()
		return source{}, nil, err
	}
	return s, end, nil
}

func fileSource(path string) (source, func(), error) {
	if path == "-" {
		return source{runs: readResults(os.Stdin)}, func() {}, nil
	}
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return source{}, nil, fmt.Errorf("read results: %w", err)
	}
	return source{runs: readResults(file)}, func() { _ = file.Close() }, nil
}

// storedSource returns the stored history of the period, and of the time before it that the rules need.
func storedSource(ctx context.Context, cfg *config.Config, store *history.Store, since time.Duration, now time.Time) (source, error) {
	s := source{begin: now.Add(-since), until: now}
	if watched, err := store.LastWatched(ctx); err != nil {
		return source{}, err
	} else if !watched.IsZero() && watched.Before(now) {
		s.until = watched // no daemon has watched since
	}
	engine, err := newEngine(cfg, nil, nil)
	if err != nil {
		return source{}, err
	}
	var single time.Time
	if s.oldest, single, err = oldest(ctx, store, now); err != nil {
		return source{}, err
	}
	window, last := engine.Lookback()
	// Where only the counts of whole hours are stored, nothing is evaluated: they do not say in which order the runs of an hour came.
	if s.hours = s.begin.Before(single) && s.oldest.Before(single.Truncate(time.Hour)); s.hours {
		s.begin, s.filled = single.Add(-1), single.Add(-1)
	} else if s.filled, err = evaluatedFrom(ctx, cfg, store, last, s.begin); err != nil {
		return source{}, err
	}
	from := s.filled.Add(-window)
	if s.gaps, err = store.Gaps(ctx, from, now); err != nil {
		return source{}, err
	}
	s.runs = stored(ctx, store, from, now)
	return s, nil
}

// evaluatedFrom returns the time from which runs can decide what fires at begin. It is the earliest of three times before begin:
//   - the longest sum of a rule's window and its setting for;
//   - the last runs of the probes whose streak is evaluated. last has their number by probe;
//   - the longest time without a finished run that is not yet an incident.
func evaluatedFrom(ctx context.Context, cfg *config.Config, store *history.Store, last map[string]int, begin time.Time) (time.Time, error) {
	from := begin
	for i := range cfg.Rules {
		from = earlier(from, begin.Add(-ruleLookback(&cfg.Rules[i])))
	}
	for name, count := range last {
		runs, err := store.Last(ctx, name, count, begin)
		if err != nil {
			return time.Time{}, err
		}
		if len(runs) > 0 {
			from = earlier(from, runs[0].End.Add(-1))
		}
	}
	kept := begin.Add(-cfg.Retention.Runs) // bounds the work for probes that run once a month
	for i := range cfg.Probes {
		if quiet := begin.Add(-quietTime(&cfg.Probes[i], begin)); quiet.After(kept) {
			from = earlier(from, quiet)
		}
	}
	return from, nil
}

// ruleLookback is the longest time for which a run can influence a rule.
func ruleLookback(rule *alert.Rule) time.Duration {
	window := rule.Window
	if rule.Objective > 0 {
		for _, pair := range rule.BurnRates() {
			window = max(window, pair.Long)
		}
	}
	return window + rule.For
}

// quietTime estimates how long a probe may go without a finished run before the rule no-data fires.
func quietTime(p *probe.Probe, now time.Time) time.Duration {
	const intervals = 4 // the first of them may have begun already
	due := now
	for range intervals {
		if due = p.Schedule.Next(due); due.IsZero() {
			return 0
		}
	}
	return due.Sub(now) + p.Longest()
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// stored yields the runs of a period. Where single runs are no longer stored, it yields runs from the roll-ups of each minute. The daemon
// fills its windows in the same way.
func stored(ctx context.Context, store *history.Store, from, until time.Time) iter.Seq2[*probe.Result, error] {
	return func(yield func(*probe.Result, error) bool) {
		single, err := first(store.Runs(ctx, from, until), until, func(r *probe.Result) time.Time { return r.End })
		if err != nil {
			yield(nil, err)
			return
		}
		single = single.Truncate(time.Minute)
		for r, err := range rolledUp(ctx, store, from, single) {
			if !yield(r, err) {
				return
			}
		}
		for r, err := range inParts(ctx, store, later(from, single), until) {
			if !yield(r, err) {
				return
			}
		}
	}
}

// inParts yields the single runs of a period. It reads them in parts of readPart.
func inParts(ctx context.Context, store *history.Store, from, until time.Time) iter.Seq2[*probe.Result, error] {
	return func(yield func(*probe.Result, error) bool) {
		for begin := from; begin.Before(until); begin = begin.Add(readPart) {
			runs, err := collect(store.Runs(ctx, begin, earlier(begin.Add(readPart), until)))
			if err != nil {
				yield(nil, err)
				return
			}
			for _, r := range runs {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// readPart is the length of time whose runs one query reads. A daemon that runs a backtest can write between two queries.
const readPart = 10 * time.Minute

// collect returns what a sequence yields.
func collect(seq iter.Seq2[*probe.Result, error]) (all []*probe.Result, err error) {
	for r, err := range seq {
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// rolledUp yields as many runs as the roll-ups of each minute counted. Each run ends at the end of its minute.
func rolledUp(ctx context.Context, store *history.Store, from, until time.Time) iter.Seq2[*probe.Result, error] {
	return func(yield func(*probe.Result, error) bool) {
		for up, err := range store.Rollups(ctx, from, until) {
			if err != nil {
				yield(nil, err)
				return
			}
			for range up.Runs {
				if !yield(&up.Result, nil) {
					return
				}
			}
		}
	}
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// oldest returns when the stored history begins, and when its single runs begin; zero when there are none.
func oldest(ctx context.Context, store *history.Store, now time.Time) (all, single time.Time, err error) {
	single, err = first(store.Runs(ctx, time.Unix(0, 0), now), time.Time{}, func(r *probe.Result) time.Time { return r.End })
	if err != nil {
		return time.Time{}, time.Time{}, err
	}
	all, err = first(store.Rollups(ctx, time.Unix(0, 0), now), single, func(up history.Rollup) time.Time {
		begin := up.Begin()
		if single.IsZero() || begin.Before(single) {
			return begin
		}
		return single
	})
	return all, single, err
}

// first returns the time of the first element of a list, or other when the list is empty.
func first[T any](list iter.Seq2[T, error], other time.Time, at func(T) time.Time) (time.Time, error) {
	for item, err := range list {
		if err != nil {
			return time.Time{}, err
		}
		return at(item), nil
	}
	return other, nil
}

// shortcomings describes where the history is too short to give the result of a daemon with full windows.
func (s *source) shortcomings(rules []alert.Rule) []string {
	if s.oldest.IsZero() {
		return nil
	}
	var texts []string
	if s.hours {
		texts = append(texts, fmt.Sprintf("single runs are stored since %s, so the backtest begins then: "+
			"retention.runs says how long they are kept", local(s.begin)))
	}
	late := s.oldest.After(s.begin)
	if late {
		texts = append(texts, fmt.Sprintf("the history begins at %s, later than --since asks for", local(s.oldest)))
	}
	for i := range rules {
		full := s.oldest.Add(ruleLookback(&rules[i]))
		if late && full.Before(s.until) || !full.After(s.begin) {
			continue // the text above covers it, or the window is full
		}
		texts = append(texts, fmt.Sprintf("the rule %s looks back %v and the history begins at %s: "+
			"until %s it counts fewer runs than with a full window", rules[i].Name, ruleLookback(&rules[i]), local(s.oldest), local(full)))
	}
	return texts
}
