package outbox

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"squarewatch/alert"
	"squarewatch/probe/database"
)

// Store keeps what must outlive the process: incidents, messages that are owed, what was told, and silences. Its tables
// can be read with the sqlite3 shell. Methods may be called by many goroutines.
type Store struct{ db *sql.DB }

//go:embed migrations/*.sql
var migrations embed.FS

// NewStore returns a store in a database, whose tables it brings up to date.
func NewStore(ctx context.Context, db *sql.DB) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read the migrations of alerts: %w", err)
	}
	if err := database.Migrate(ctx, db, files, "alert_version"); err != nil {
		return nil, fmt.Errorf("prepare the tables of alerts: %w", err)
	}
	return &Store{db: db}, nil
}

// keptAfterwards is how long a resolved incident may still go on: firing again soon reopens it.
const keptAfterwards = 24 * time.Hour

// stamp writes a time as the tables have it; empty for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000000Z")
}

// unstamp reads what stamp wrote.
func unstamp(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t
}

// States returns where the engine left off: series that fire, that were over so recently that they may go on, or whose end
// people have not been told. Of each rule and series the newest. What cannot be read is in the error, and left out.
func (s *Store) States(ctx context.Context, now time.Time) ([]alert.SeriesState, error) {
	rows, err := s.db.QueryContext(ctx,
		`SELECT series_state FROM incidents WHERE state = 'firing' OR resolved > ? OR owed ORDER BY fired`, stamp(now.Add(-keptAfterwards)))
	if err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	all, err := collect[alert.SeriesState](rows)
	if err != nil {
		err = fmt.Errorf("read incidents: %w", err)
	}
	newest := map[seriesKey]int{}
	var states []alert.SeriesState
	for _, state := range all {
		key := seriesKey{state.Rule, state.Series}
		if i, ok := newest[key]; ok {
			states[i] = state
			continue
		}
		newest[key] = len(states)
		states = append(states, state)
	}
	return states, err
}

// collect reads rows of one column of JSON. One that cannot be read is in the error, and costs none of the others.
func collect[T any](rows *sql.Rows) ([]T, error) {
	defer func() { _ = rows.Close() }()
	var list []T
	var faults []error
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return list, err
		}
		var value T
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			faults = append(faults, fmt.Errorf("read a row: %w", err))
			continue
		}
		list = append(list, value)
	}
	return list, errors.Join(append(faults, rows.Err())...)
}

// Silences returns those that are not over at now, and forgets the others.
func (s *Store) Silences(ctx context.Context, now time.Time) ([]alert.Silence, error) {
	if _, err := s.db.ExecContext(ctx, `DELETE FROM silences WHERE until <= ?`, stamp(now)); err != nil {
		return nil, fmt.Errorf("forget silences: %w", err)
	}
	rows, err := s.db.QueryContext(ctx, `SELECT payload FROM silences ORDER BY until`)
	if err != nil {
		return nil, fmt.Errorf("read silences: %w", err)
	}
	list, err := collect[alert.Silence](rows)
	if err != nil {
		err = fmt.Errorf("read silences: %w", err)
	}
	return list, err
}

// PutSilence keeps a silence.
func (s *Store) PutSilence(ctx context.Context, silence alert.Silence) error {
	payload, err := json.Marshal(silence)
	if err != nil {
		return fmt.Errorf("write a silence: %w", err)
	}
	_, err = s.db.ExecContext(ctx, `INSERT OR REPLACE INTO silences (id, until, payload) VALUES (?, ?, ?)`, silence.ID, stamp(silence.Until), payload)
	return err
}

// DeleteSilence forgets a silence.
func (s *Store) DeleteSilence(ctx context.Context, id string) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM silences WHERE id = ?`, id)
	return err
}

// Prune forgets incidents that were over before a time, and what was told of them.
func (s *Store) Prune(ctx context.Context, before time.Time) error {
	for _, statement := range []string{
		`DELETE FROM incidents WHERE state <> 'firing' AND NOT owed AND resolved < ?`,
		`DELETE FROM told WHERE event IN ('resolved', 'ended') AND at < ?`,
	} {
		if _, err := s.db.ExecContext(ctx, statement, stamp(before)); err != nil {
			return fmt.Errorf("forget old incidents: %w", err)
		}
	}
	return nil
}
