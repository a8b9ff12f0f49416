package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"squarewatch/alert"
	"squarewatch/config"
	"squarewatch/probe/database"

	_ "modernc.org/sqlite" // the driver that package database names
)

// databaseName is the file in state_dir.
const databaseName = "squarewatch.db"

// state is what outlives the process. Without a state_dir, or with a disk that fails, its parts are nil: probing and
// alerting go on from memory.
type state struct {
	db    *sql.DB
	store *alert.Store
	fault error // why there is none, although the file names a state_dir
}

// openState opens the database of a configuration. A disk that fails is told loudly and stops nothing.
func openState(ctx context.Context, cfg *config.Config, logger *slog.Logger) *state {
	if cfg.StateDir == "" {
		return &state{}
	}
	s, err := newState(ctx, filepath.Join(cfg.StateDir, databaseName), logger)
	if err != nil {
		logger.ErrorContext(ctx, "nothing is kept over a restart: incidents, silences and history live in memory only", "error", err)
		return &state{fault: err}
	}
	return s
}

func newState(ctx context.Context, path string, logger *slog.Logger) (_ *state, err error) {
	s := &state{}
	if s.db, err = database.Open(ctx, path, logger); err != nil {
		return nil, err
	}
	if s.store, err = alert.NewStore(ctx, s.db); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
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

// restore puts an engine and an outbox where the process before left off, and returns the silences that it knew. What
// cannot be read is told in the log, and the rest is taken over.
func (s *state) restore(ctx context.Context, engine *alert.Engine, outbox *alert.Outbox, now time.Time, logger *slog.Logger) []alert.Silence {
	if s.store == nil {
		engine.Resume(now)
		return nil
	}
	states, errStates := s.store.States(ctx, now)
	silences, errSilences := s.store.Silences(ctx, now)
	if err := errors.Join(errStates, errSilences, outbox.Load(ctx)); err != nil {
		logger.ErrorContext(ctx, "some of what was kept cannot be read and is left out", "error", err)
	}
	engine.Restore(states)
	engine.Resume(now)
	return silences
}
