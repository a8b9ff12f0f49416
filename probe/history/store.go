package history

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/database"
)

// Store reads and deletes history. It is safe for concurrent use.
type Store struct{ db *sql.DB }

//go:embed migrations/*.sql
var migrations embed.FS

// NewStore returns a store in a database. It creates and updates the tables.
func NewStore(ctx context.Context, db *sql.DB) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read the migrations of the history: %w", err)
	}
	if err := database.Migrate(ctx, db, files, "history_version"); err != nil {
		return nil, fmt.Errorf("prepare the tables of the history: %w", err)
	}
	return &Store{db}, nil
}

// ReadStore returns a store in a database whose tables another process maintains.
func ReadStore(db *sql.DB) *Store { return &Store{db} }

const runColumns = `probe, credential, intended, started, ended, class, code, expected, breach, blame, reason, excerpt, trace, span`

// Runs returns the runs that ended after since and not after until, in order of their end. The results have no attempts.
func (s *Store) Runs(ctx context.Context, since, until time.Time) iter.Seq2[*probe.Result, error] {
	const query = `SELECT ` + runColumns + ` FROM runs WHERE ended > ? AND ended <= ? ORDER BY ended`
	return s.runs(ctx, query, since.UnixMicro(), until.UnixMicro())
}

// Last returns the last count runs of a probe that ended not after until, oldest first. The results have no attempts.
func (s *Store) Last(ctx context.Context, name string, count int, until time.Time) ([]*probe.Result, error) {
	var list []*probe.Result
	const query = `SELECT ` + runColumns + ` FROM runs WHERE probe = ? AND ended <= ? ORDER BY ended DESC LIMIT ?`
	for r, err := range s.runs(ctx, query, name, until.UnixMicro(), count) {
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	slices.Reverse(list)
	return list, nil
}

func (s *Store) runs(ctx context.Context, query string, arguments ...any) iter.Seq2[*probe.Result, error] {
	return func(yield func(*probe.Result, error) bool) {
		rows, err := s.db.QueryContext(ctx, query, arguments...)
		if err != nil {
			yield(nil, fmt.Errorf("read runs: %w", err))
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			r, err := scanRun(rows)
			if !yield(r, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, fmt.Errorf("read runs: %w", err))
		}
	}
}

func scanRun(rows *sql.Rows) (*probe.Result, error) {
	r := &probe.Result{}
	var intended, started, ended int64
	var class string
	var trace, span []byte
	err := rows.Scan(&r.Probe, &r.Credential, &intended, &started, &ended, &class, &r.Code, &r.Expected, &r.Breach, &r.Blame,
		&r.Reason, &r.Excerpt, &trace, &span)
	if err == nil {
		err = r.Class.UnmarshalText([]byte(class))
	}
	if err != nil {
		return nil, fmt.Errorf("read a run: %w", err)
	}
	r.Intended, r.Start, r.End = time.UnixMicro(intended).UTC(), time.UnixMicro(started).UTC(), time.UnixMicro(ended).UTC()
	copy(r.Trace[:], trace)
	copy(r.Span[:], span)
	return r, nil
}

// Rollup is the number of equal results in one minute.
type Rollup struct {
	Result probe.Result // what the runs have in common; End is the end of the minute
	Runs   int
}

// Rollups returns the roll-ups of the minutes that ended after since and not after until, in order.
func (s *Store) Rollups(ctx context.Context, since, until time.Time) iter.Seq2[Rollup, error] {
	return func(yield func(Rollup, error) bool) {
		rows, err := s.db.QueryContext(ctx, `SELECT minute, probe, credential, class, code, expected, blame, runs FROM rollups
			WHERE minute > ? AND minute <= ? ORDER BY minute`, since.Add(-time.Minute).UnixMicro(), until.Add(-time.Minute).UnixMicro())
		if err != nil {
			yield(Rollup{}, fmt.Errorf("read roll-ups: %w", err))
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			up, err := scanRollup(rows)
			if !yield(up, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Rollup{}, fmt.Errorf("read roll-ups: %w", err))
		}
	}
}

func scanRollup(rows *sql.Rows) (up Rollup, err error) {
	var minute int64
	var class string
	r := &up.Result
	if err = rows.Scan(&minute, &r.Probe, &r.Credential, &class, &r.Code, &r.Expected, &r.Blame, &up.Runs); err == nil {
		err = r.Class.UnmarshalText([]byte(class))
	}
	if err != nil {
		return up, fmt.Errorf("read a roll-up: %w", err)
	}
	r.End = time.UnixMicro(minute).Add(time.Minute).UTC()
	return up, nil
}

// LastWatched returns when an earlier process last wrote; zero if none did.
func (s *Store) LastWatched(ctx context.Context) (time.Time, error) {
	var seen sql.NullInt64
	if err := s.db.QueryRowContext(ctx, `SELECT max(seen) FROM watches`).Scan(&seen); err != nil {
		return time.Time{}, fmt.Errorf("read when squarewatch last ran: %w", err)
	}
	if !seen.Valid {
		return time.Time{}, nil
	}
	return time.UnixMicro(seen.Int64).UTC(), nil
}

// Gap is a time in which squarewatch did not run.
type Gap struct{ From, Until time.Time }

// Gaps returns when squarewatch did not run between two times, according to what earlier processes wrote.
func (s *Store) Gaps(ctx context.Context, since, until time.Time) ([]Gap, error) {
	const query = `SELECT started, seen FROM watches WHERE seen > ? AND started <= ? ORDER BY started`
	rows, err := s.db.QueryContext(ctx, query, since.UnixMicro(), until.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("read when squarewatch ran: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var gaps []Gap
	last := time.Time{}
	for rows.Next() {
		var started, seen int64
		if err := rows.Scan(&started, &seen); err != nil {
			return nil, fmt.Errorf("read when squarewatch ran: %w", err)
		}
		if begin := time.UnixMicro(started).UTC(); !last.IsZero() && begin.After(last) {
			gaps = append(gaps, Gap{last, begin})
		}
		last = time.UnixMicro(seen).UTC()
	}
	return gaps, rows.Err()
}

// chunk is how many rows one statement deletes. It is small so that other statements do not wait long for the database.
const chunk = 5000

// Forget deletes everything that is older than its retention.
func (s *Store) Forget(ctx context.Context, keep Retention, now time.Time) error {
	runs, rollups := now.Add(-keep.Runs).UnixMicro(), now.Add(-keep.Rollups).UnixMicro()
	return errors.Join(
		s.forget(ctx, `DELETE FROM runs WHERE rowid IN (SELECT rowid FROM runs WHERE ended < ? LIMIT ?)`, runs),
		s.forget(ctx, `DELETE FROM misses WHERE rowid IN (SELECT rowid FROM misses WHERE intended < ? LIMIT ?)`, rollups),
		s.forget(ctx, `DELETE FROM rollups WHERE minute IN
			(SELECT DISTINCT minute FROM rollups WHERE minute < ? ORDER BY minute LIMIT ? / 100)`, rollups),
		s.forget(ctx, `DELETE FROM watches WHERE started IN (SELECT started FROM watches WHERE seen < ? LIMIT ?)`, rollups),
	)
}

// forget repeats a statement until it deletes nothing.
func (s *Store) forget(ctx context.Context, statement string, before int64) error {
	for {
		done, err := s.db.ExecContext(ctx, statement, before, chunk)
		if err != nil {
			return fmt.Errorf("delete old history: %w", err)
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return err
		}
	}
}
