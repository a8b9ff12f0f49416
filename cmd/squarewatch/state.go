package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
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

// state is what survives a restart. A disk that fails or hangs delays nothing: probing and alerting work from memory, and the database is
// opened as soon as the disk works.
type state struct {
	path   string          // of the database; empty without a state_dir
	owner  *database.Owner // nil without a state_dir, or when its disk does not answer
	writer *history.Writer // nil without a state_dir
	logger *slog.Logger
	opened atomic.Pointer[opened] // nil until the database is open
	fault  atomic.Pointer[error]  // why it is not open; nil without a state_dir

	database, wal atomic.Int64 // sizes in bytes, as last read

	opening *database.Call // used by openState and run only
	result  *opened        // of opening
}

// opened is an open database with its stores.
type opened struct {
	db      *sql.DB
	store   *outbox.Store
	history *history.Store
	filled  time.Time // runs that ended before this must still be counted in the windows; zero for none
}

const (
	// openPatience is how long the start waits for the disk.
	openPatience = time.Second
	// openRetry is the time between two attempts to open the database.
	openRetry = 5 * time.Second
)

// openState opens the database of a configuration, and waits a second at most. When the disk fails, it logs an error, and run opens the
// database later. It returns an error only if another process owns the state_dir.
func openState(ctx context.Context, cfg *config.Config, logger *slog.Logger) (*state, error) {
	if cfg.StateDir == "" {
		return &state{}, nil
	}
	s := &state{path: databasePath(cfg), logger: logger}
	s.writer = history.NewWriter(nil, history.WriterOptions{Retention: cfg.Retention, Logger: logger})
	s.open(context.WithoutCancel(ctx))
	err := s.opening.Wait(openPatience)
	if errors.Is(err, database.ErrInUse) {
		return nil, err
	}
	s.recordOpening(ctx, err)
	return s, nil
}

// open starts to open the database.
func (s *state) open(ctx context.Context) {
	s.opening = database.Go(func() (err error) {
		if s.owner == nil {
			if s.owner, err = database.Own(ctx, filepath.Dir(s.path), s.logger); err != nil {
				return err
			}
		}
		if err := s.owner.Name(); err != nil { // a database on a full disk can still be read
			s.logger.DebugContext(ctx, "cannot write the process identifier to state_dir", "error", err)
		}
		s.result, err = openDatabase(ctx, s.path, s.logger)
		return err
	})
}

// recordOpening records the result of opening the database.
func (s *state) recordOpening(ctx context.Context, err error) {
	before := s.fault.Load()
	if err == nil {
		s.opening = nil
		s.fault.Store(nil)
		s.opened.Store(s.result)
		s.writer.Attach(s.result.history)
		return
	}
	if !errors.Is(err, database.ErrNoAnswer) {
		s.opening = nil
	}
	s.fault.Store(&err)
	if before == nil || (*before).Error() != err.Error() {
		s.logger.ErrorContext(ctx, "cannot open the database; incidents, silences and history are in memory only until it opens", "error", err,
			"fix", database.Fix(err), "retry", openRetry.String())
	}
}

func openDatabase(ctx context.Context, path string, logger *slog.Logger) (_ *opened, err error) {
	removeCopies(filepath.Dir(path))
	o := &opened{}
	if o.db, err = database.Open(ctx, path, logger); err != nil {
		return nil, err
	}
	if o.store, err = outbox.NewStore(ctx, o.db); err != nil {
		return nil, errors.Join(err, o.db.Close())
	}
	if o.history, err = history.NewStore(ctx, o.db); err != nil {
		return nil, errors.Join(err, o.db.Close())
	}
	return o, nil
}

// wanted reports whether the configuration names a state_dir.
func (s *state) wanted() bool { return s.writer != nil }

// err returns why the database is not open; nil when it is open, or without a state_dir.
func (s *state) err() error {
	if err := s.fault.Load(); err != nil {
		return *err
	}
	return nil
}

// store returns the store of alerts; nil until the database is open.
func (s *state) store() *outbox.Store {
	if o := s.opened.Load(); o != nil {
		return o.store
	}
	return nil
}

func databasePath(cfg *config.Config) string { return filepath.Join(cfg.StateDir, databaseName) }

// sinks returns the sink that stores results; none without a state_dir.
func (s *state) sinks() []probe.Sink {
	if s.writer == nil {
		return nil
	}
	return []probe.Sink{s.writer}
}

// run writes history until ctx ends, opens the database if that failed at the start, and deletes old incidents once a day. It calls
// recovered once, with the open database.
func (s *state) run(ctx context.Context, keep func() history.Retention, recovered func(context.Context, *opened)) {
	if !s.wanted() {
		return
	}
	var tasks sync.WaitGroup
	defer tasks.Wait()
	tasks.Go(func() { s.writer.Run(ctx) })
	tasks.Go(func() { s.measure(ctx) })
	if !s.openLate(ctx) {
		return
	}
	recovered(ctx, s.opened.Load())
	daily := time.NewTicker(24 * time.Hour)
	defer daily.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-daily.C:
			s.prune(ctx, now.Add(-keep().Rollups))
		}
	}
}

// openLate opens the database if it is not open yet. It retries until that works; false when ctx ended first.
func (s *state) openLate(ctx context.Context) bool {
	for s.opened.Load() == nil {
		if s.opening == nil {
			retry := time.NewTimer(openRetry)
			select {
			case <-ctx.Done():
				retry.Stop()
				return false
			case <-retry.C:
			}
			s.open(context.WithoutCancel(ctx))
		}
		select {
		case <-ctx.Done():
			return false
		case <-s.opening.Done():
			s.recordOpening(ctx, s.opening.Wait(0))
		}
	}
	return true
}

// measureEvery is the time between two readings of the sizes of the files.
const measureEvery = 30 * time.Second

// measure reads the sizes of the database's files every measureEvery until ctx ends. A disk that hangs delays only this.
func (s *state) measure(ctx context.Context) {
	ticker := time.NewTicker(measureEvery)
	defer ticker.Stop()
	for {
		reading := database.Go(func() error {
			for path, size := range map[string]*atomic.Int64{s.path: &s.database, s.path + "-wal": &s.wal} {
				if info, err := os.Stat(path); err == nil {
					size.Store(info.Size())
				}
			}
			return nil
		})
		select {
		case <-ctx.Done():
			return
		case <-reading.Done():
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// prune deletes old incidents. A disk that hangs delays only this.
func (s *state) prune(ctx context.Context, before time.Time) {
	store := s.store()
	pruning := database.Go(func() error { return store.Prune(ctx, before) })
	select {
	case <-ctx.Done():
	case <-pruning.Done():
		if err := pruning.Wait(0); err != nil {
			s.logger.WarnContext(ctx, "cannot delete old incidents; the next attempt is in a day", "error", err)
		}
	}
}

// Close closes the database. It waits for the disk for flushTimeout at most.
func (s *state) Close() error {
	o := s.opened.Load()
	if o == nil {
		return s.releaseOwner()
	}
	closing := database.Go(o.db.Close)
	if err := closing.Wait(flushTimeout); err != nil {
		return errors.Join(fmt.Errorf("close the database: %w", err), s.releaseOwner())
	}
	return s.releaseOwner()
}

// releaseOwner releases the ownership of state_dir, unless opening the database still runs.
func (s *state) releaseOwner() error {
	if s.opening != nil || s.owner == nil {
		return nil // the operating system releases it when the process ends
	}
	return s.owner.Close()
}

// restore loads the stored state into an engine and an outbox, and returns the stored silences. It logs what cannot be read, and restores
// the rest.
func (s *state) restore(
	ctx context.Context, engine *alert.Engine, outbox *outbox.Outbox, now time.Time, logger *slog.Logger,
) []alert.Silence {
	o := s.opened.Load()
	if o == nil {
		engine.Resume(now)
		return nil
	}
	states, errStates := o.store.States(ctx, now)
	silences, errSilences := o.store.Silences(ctx, now)
	engine.Restore(states)
	if err := errors.Join(errStates, errSilences, outbox.Load(ctx), o.recall(ctx, engine, now)); err != nil {
		logger.ErrorContext(ctx, "some of the stored state cannot be read and is left out", "error", err)
	}
	engine.Resume(now)
	return silences
}

// unwatched returns the runs that were due while no daemon ran, after the last write of an earlier daemon.
func (s *state) unwatched(ctx context.Context, probes []probe.Probe, now time.Time) ([]probe.Miss, error) {
	o := s.opened.Load()
	if o == nil {
		return nil, nil
	}
	last, err := o.history.LastWatched(ctx)
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
