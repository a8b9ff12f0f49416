package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/config"
	"squarewatch/probe"
	"squarewatch/probe/database"
	"squarewatch/probe/history"

	_ "modernc.org/sqlite" // the driver that package database names
)

// databaseName is the file in state_dir.
const databaseName = "squarewatch.db"

// state is what a restart keeps. Without a state_dir, or when the disk fails, its parts are nil; probing and alerting then work from
// memory.
type state struct {
	db      *sql.DB
	store   *outbox.Store
	history *history.Store
	writer  *history.Writer
	fault   error // why the database cannot be used
}

// openState opens the database of a configuration. When that fails, it logs an error and the daemon works without.
func openState(ctx context.Context, cfg *config.Config, logger *slog.Logger) *state {
	if cfg.StateDir == "" {
		return &state{}
	}
	s, err := newState(ctx, cfg, logger)
	if err != nil {
		logger.ErrorContext(ctx, "cannot open the database: a restart will lose incidents, silences and history", "error", err)
		return &state{fault: err}
	}
	return s
}

func newState(ctx context.Context, cfg *config.Config, logger *slog.Logger) (_ *state, err error) {
	s := &state{}
	if s.db, err = database.Open(ctx, databasePath(cfg), logger); err != nil {
		return nil, err
	}
	if s.store, err = outbox.NewStore(ctx, s.db); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	if s.history, err = history.NewStore(ctx, s.db); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	s.writer = history.NewWriter(s.history, history.WriterOptions{Retention: cfg.Retention, Logger: logger})
	return s, nil
}

func databasePath(cfg *config.Config) string { return filepath.Join(cfg.StateDir, databaseName) }

// sinks returns the sink that stores results; none without a database.
func (s *state) sinks() []probe.Sink {
	if s.writer == nil {
		return nil
	}
	return []probe.Sink{s.writer}
}

// run writes history until ctx ends, and deletes old incidents once a day.
func (s *state) run(ctx context.Context, keep func() history.Retention, logger *slog.Logger) {
	if s.writer == nil {
		return
	}
	var tasks sync.WaitGroup
	defer tasks.Wait()
	tasks.Go(func() { s.writer.Run(ctx) })
	daily := time.NewTicker(24 * time.Hour)
	defer daily.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-daily.C:
			if err := s.store.Prune(ctx, now.Add(-keep().Rollups)); err != nil {
				logger.WarnContext(ctx, "cannot delete old incidents; the next attempt is in a day", "error", err)
			}
		}
	}
}

// Close closes the database.
func (s *state) Close() error {
	if s.db == nil {
		return nil
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// silenceStore returns where silences are kept; nil when there is no database.
func (s *state) silenceStore() alert.SilenceStore {
	if s.store == nil {
		return nil // not a nil *outbox.Store in an interface, which would not compare equal to nil
	}
	return s.store
}

// restore loads the stored state into an engine and an outbox, and returns the stored silences. It logs what cannot be read, and restores
// the rest.
func (s *state) restore(
	ctx context.Context, engine *alert.Engine, outbox *outbox.Outbox, now time.Time, logger *slog.Logger,
) []alert.Silence {
	if s.store == nil {
		engine.Resume(now)
		return nil
	}
	states, errStates := s.store.States(ctx, now)
	silences, errSilences := s.store.Silences(ctx, now)
	engine.Restore(states)
	if err := errors.Join(errStates, errSilences, outbox.Load(ctx), s.recall(ctx, engine, now)); err != nil {
		logger.ErrorContext(ctx, "some of the stored state cannot be read and is left out", "error", err)
	}
	engine.Resume(now)
	return silences
}

// recentRuns is the time for which an engine receives single runs. For older runs the sums of each minute are exact enough.
const recentRuns = 10 * time.Minute

// recall fills an engine's windows with stored runs.
func (s *state) recall(ctx context.Context, engine *alert.Engine, now time.Time) error {
	all, last := engine.Lookback()
	recent := now.Add(-min(all, recentRuns)).Truncate(time.Minute)
	begin := recent
	if all > recentRuns {
		begin = now.Add(-all)
	}
	for name, count := range last {
		runs, err := s.history.Last(ctx, name, count, begin)
		if err != nil {
			return err
		}
		for _, r := range runs {
			engine.Recall(r)
		}
	}
	return s.recallWindows(ctx, engine, begin, recent, now)
}

// recallWindows gives an engine the sums of the minutes from begin to recent, and the runs from there to now.
func (s *state) recallWindows(ctx context.Context, engine *alert.Engine, begin, recent, now time.Time) error {
	gaps, err := s.history.Gaps(ctx, begin, now)
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
	for up, err := range s.history.Rollups(ctx, begin, recent) {
		if err != nil {
			return err
		}
		recall(&up.Result, up.Runs)
	}
	for r, err := range s.history.Runs(ctx, recent, now) {
		if err != nil {
			return err
		}
		recall(r, 1)
	}
	return nil
}

// unwatched returns the runs that were due while no daemon ran, since the last one wrote.
func (s *state) unwatched(ctx context.Context, probes []probe.Probe, now time.Time) ([]probe.Miss, error) {
	if s.history == nil {
		return nil, nil
	}
	last, err := s.history.LastWatched(ctx)
	if err != nil || last.IsZero() {
		return nil, err
	}
	var misses []probe.Miss
	tally := probe.Tally{}
	for i := range probes {
		p := &probes[i]
		if due := tally.Between(p.Schedule, last, now); due > 0 {
			misses = append(misses, probe.Miss{
				Probe: p.Name, Intended: p.Schedule.Next(last), Reason: probe.MissGap, Count: due, Detail: "squarewatch was not running",
			})
		}
	}
	return misses, nil
}
