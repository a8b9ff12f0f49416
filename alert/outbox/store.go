package outbox

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"squarewatch/alert"
	"squarewatch/probe/database"
)

// Store keeps incidents, undelivered messages, receipts and silences in a database, so that they survive a restart. Its tables can be
// read with the sqlite3 shell, or with psql where the database is PostgreSQL. Methods may be called by many goroutines.
type Store struct{ db *sql.DB }

//go:embed migrations/*.sql migrations/postgres/*.sql
var migrations embed.FS

func tables() database.Tables {
	return database.Tables{Name: "alerts", Version: "alert_version", Files: migrations}
}

// SchemaVersion returns the version of the tables of alerts: the number of their migrations.
func SchemaVersion() int {
	return tables().SchemaVersion()
}

// NewStore returns a store in a database and brings its tables up to date.
func NewStore(ctx context.Context, db *sql.DB) (*Store, error) {
	if err := tables().Update(ctx, db); err != nil {
		return nil, err
	}
	return &Store{db: db}, nil
}

// ReadStore returns a store in a database whose tables another process maintains. It only reads.
func ReadStore(db *sql.DB) *Store { return &Store{db: db} }

// reopenPeriod is how long the state of a resolved incident is kept, since the incident reopens if it fires again soon.
const reopenPeriod = 24 * time.Hour

// formatTime formats a time for the tables; empty for the zero time.
func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000000Z")
}

// parseTime reads what formatTime wrote.
func parseTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t
}

// States returns the newest state of each series that fires, ended within the last 24 hours, or has an end that is not announced yet.
// Rows that cannot be read are left out and reported in the error.
func (s *Store) States(ctx context.Context, now time.Time) ([]alert.SeriesState, error) {
	rows, err := s.db.QueryContext(ctx,
		`SELECT series_state FROM incidents WHERE state = 'firing' OR resolved > ? OR owed ORDER BY fired`, formatTime(now.Add(-reopenPeriod)))
	if err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	all, err := readJSON[alert.SeriesState](rows)
	if err != nil {
		err = fmt.Errorf("read incidents: %w", err)
	}
	newest := map[seriesKey]int{}
	var states []alert.SeriesState
	for _, state := range all {
		key := seriesKey{rule: state.Rule, series: state.Series}
		if i, ok := newest[key]; ok {
			states[i] = state
			continue
		}
		newest[key] = len(states)
		states = append(states, state)
	}
	return states, err
}

// readJSON reads rows with one column of JSON. Rows that cannot be read are left out and reported in the error.
func readJSON[T any](rows *sql.Rows) ([]T, error) {
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

// Silences returns the silences that end after now and were not removed.
func (s *Store) Silences(ctx context.Context, now time.Time) ([]alert.Silence, error) {
	list, err := s.SilencesSince(ctx, now)
	return slices.DeleteFunc(list, func(silence alert.Silence) bool { return !silence.Removed.IsZero() }), err
}

// SilencesOf returns the silences that applied to an incident while it fired, also those that have ended, in the order of their beginning.
func (s *Store) SilencesOf(ctx context.Context, i *alert.Incident) ([]alert.Silence, error) {
	list, err := s.SilencesSince(ctx, i.Fired)
	list = slices.DeleteFunc(list, func(silence alert.Silence) bool {
		return !silence.Mutes(i) || !silence.End().After(i.Fired) || !i.Resolved.IsZero() && !silence.From.Before(i.Resolved)
	})
	slices.SortStableFunc(list, func(a, b alert.Silence) int { return a.From.Compare(b.From) })
	return list, err
}

// SilencesSince returns the silences that were set to end after a time, also those that have ended since or were removed.
func (s *Store) SilencesSince(ctx context.Context, after time.Time) ([]alert.Silence, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT payload FROM silences WHERE until > ? ORDER BY until`, formatTime(after))
	if err != nil {
		return nil, fmt.Errorf("read silences: %w", err)
	}
	list, err := readJSON[alert.Silence](rows)
	if err != nil {
		err = fmt.Errorf("read silences: %w", err)
	}
	return list, err
}

// Prune deletes incidents that ended before a time, and their receipts, deliveries and notes. It also deletes reports that were due before
// that time, and silences that ended before it.
func (s *Store) Prune(ctx context.Context, before time.Time) error {
	for _, statement := range []string{
		`DELETE FROM incidents WHERE state <> 'firing' AND NOT owed AND resolved < ?`,
		`DELETE FROM receipts WHERE event IN ('resolved', 'ended') AND at < ?`,
		`DELETE FROM deliveries WHERE delivered < ? AND incident NOT IN (SELECT id FROM incidents)`,
		`DELETE FROM notes WHERE at < ? AND incident NOT IN (SELECT id FROM incidents)`,
		`DELETE FROM reports WHERE due < ?`,
		`DELETE FROM silences WHERE until < ?`,
	} {
		if _, err := s.db.ExecContext(ctx, statement, formatTime(before)); err != nil {
			return fmt.Errorf("delete old incidents: %w", err)
		}
	}
	return nil
}
