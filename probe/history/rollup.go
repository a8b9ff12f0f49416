package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"squarewatch/probe"
)

// Rollup is the number of equal results in one minute or hour.
type Rollup struct {
	Result probe.Result // what the runs have in common; End is the end of the minute or hour
	Runs   int
	Length time.Duration // a minute or an hour
}

// Begin returns when the minute or hour begins.
func (u *Rollup) Begin() time.Time { return u.Result.End.Add(-u.Length) }

// rollupKey is what the runs of one roll-up have in common.
type rollupKey struct {
	begin             int64
	probe, credential string
	class             probe.Class
	code              int
	expected          bool
	blame             probe.Blame
}

// rollupSum is what a roll-up counts. Latencies are in microseconds.
type rollupSum struct{ runs, latency, slowest int64 }

// sumsOf returns the roll-ups of results. Each is for a part of time with the given length.
func sumsOf(results []run, length time.Duration) map[rollupKey]rollupSum {
	sums := map[rollupKey]rollupSum{}
	for _, r := range results {
		key := rollupKey{
			begin: r.End.Truncate(length).UnixMicro(), probe: r.Probe, credential: r.Credential,
			class: r.Class, code: r.Code, expected: r.Expected, blame: r.Blame,
		}
		took := r.Latency().Microseconds()
		sum := sums[key]
		sums[key] = rollupSum{runs: sum.runs + 1, latency: sum.latency + took, slowest: max(sum.slowest, took)}
	}
	return sums
}

// writeSums adds to roll-ups with a statement of the transaction.
func writeSums(ctx context.Context, upsert *sql.Stmt, sums map[rollupKey]rollupSum) error {
	for key, sum := range sums {
		if _, err := upsert.ExecContext(ctx, key.begin, key.probe, key.credential, key.class.String(), key.code, key.expected, string(key.blame),
			sum.runs, sum.latency, sum.slowest); err != nil {
			return fmt.Errorf("write a roll-up of %s: %w", key.probe, err)
		}
	}
	return nil
}

// Rollups returns the roll-ups that ended after since and not after until, in order: those of hours where minutes are no longer kept, then
// those of minutes.
func (s *Store) Rollups(ctx context.Context, since, until time.Time) iter.Seq2[Rollup, error] {
	return func(yield func(Rollup, error) bool) {
		minutes, err := s.minutesBegin(ctx)
		if err != nil {
			yield(Rollup{}, err)
			return
		}
		for up, err := range s.Hours(ctx, since, earlier(minutes, until)) {
			if !yield(up, err) || err != nil {
				return
			}
		}
		for up, err := range s.Minutes(ctx, since, until) {
			if !yield(up, err) || err != nil {
				return
			}
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// minutesBegin returns the beginning of the hour of the oldest minute; the far future when there is none.
func (s *Store) minutesBegin(ctx context.Context) (time.Time, error) {
	var oldest sql.NullInt64
	if err := s.db.QueryRowContext(ctx, `SELECT min(minute) FROM rollups`).Scan(&oldest); err != nil {
		return time.Time{}, fmt.Errorf("read roll-ups: %w", err)
	}
	if !oldest.Valid {
		return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), nil
	}
	return time.UnixMicro(oldest.Int64).UTC().Truncate(time.Hour), nil
}

// rollupOrder are the columns of the primary keys of roll-ups after the time, so that SQLite need not sort.
const rollupOrder = `probe, credential, class, code, expected, blame`

// Minutes returns the roll-ups of the minutes that ended after since and not after until, in order.
func (s *Store) Minutes(ctx context.Context, since, until time.Time) iter.Seq2[Rollup, error] {
	const query = `SELECT minute, probe, credential, class, code, expected, blame, runs FROM rollups
		WHERE minute > ? AND minute <= ? ORDER BY minute, ` + rollupOrder
	return s.rollups(ctx, query, time.Minute, since, until)
}

// Hours returns the roll-ups of the hours that ended after since and not after until, in order.
func (s *Store) Hours(ctx context.Context, since, until time.Time) iter.Seq2[Rollup, error] {
	const query = `SELECT hour, probe, credential, class, code, expected, blame, runs FROM hours WHERE hour > ? AND hour <= ?
		ORDER BY hour, ` + rollupOrder
	return s.rollups(ctx, query, time.Hour, since, until)
}

func (s *Store) rollups(ctx context.Context, query string, length time.Duration, since, until time.Time) iter.Seq2[Rollup, error] {
	return func(yield func(Rollup, error) bool) {
		rows, err := s.db.QueryContext(ctx, query, since.Add(-length).UnixMicro(), until.Add(-length).UnixMicro())
		if err != nil {
			yield(Rollup{}, fmt.Errorf("read roll-ups: %w", err))
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			up, err := scanRollup(rows, length)
			if !yield(up, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Rollup{}, fmt.Errorf("read roll-ups: %w", err))
		}
	}
}

func scanRollup(rows *sql.Rows, length time.Duration) (up Rollup, err error) {
	var begin int64
	var class string
	r := &up.Result
	if err = rows.Scan(&begin, &r.Probe, &r.Credential, &class, &r.Code, &r.Expected, &r.Blame, &up.Runs); err == nil {
		err = r.Class.UnmarshalText([]byte(class))
	}
	if err != nil {
		return up, fmt.Errorf("read a roll-up: %w", err)
	}
	up.Length = length
	r.End = time.UnixMicro(begin).Add(length).UTC()
	return up, nil
}

// BeginOfNewestRuns returns the earliest time, but not before since, after which at most limit single runs ended.
func (s *Store) BeginOfNewestRuns(ctx context.Context, since time.Time, limit int) (time.Time, error) {
	var ended int64
	err := s.db.QueryRowContext(ctx, `SELECT ended FROM runs WHERE ended > ? ORDER BY ended DESC LIMIT 1 OFFSET ?`,
		since.UnixMicro(), limit).Scan(&ended)
	if errors.Is(err, sql.ErrNoRows) {
		return since, nil
	}
	if err != nil {
		return since, fmt.Errorf("count runs: %w", err)
	}
	return time.UnixMicro(ended).UTC(), nil
}

// Amount is how much history there is to read.
type Amount struct{ Rollups, Runs int }

// AmountSince returns how many roll-ups of minutes and how many single runs ended after since. It stops counting at limit.
func (s *Store) AmountSince(ctx context.Context, since time.Time, limit int) (a Amount, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM (SELECT 1 FROM rollups WHERE minute > ?1 LIMIT ?2) AS counted),
		(SELECT coalesce(sum(runs), 0) FROM (SELECT runs FROM rollups WHERE minute > ?1 LIMIT ?2) AS added)`,
		since.UnixMicro(), limit).Scan(&a.Rollups, &a.Runs)
	if err != nil {
		return a, fmt.Errorf("count roll-ups: %w", err)
	}
	return a, nil
}
