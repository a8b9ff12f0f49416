package history

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// chunk is how many rows one statement deletes. It is small so that other statements do not wait long for the database.
const chunk = 5000

// Forget summarises hours that are over, and deletes everything that is older than its retention. If the database is still larger than the
// retention allows it deletes the oldest history until it is not; single runs first, since they are the largest part.
func (s *Store) Forget(ctx context.Context, keep Retention, now time.Time) error {
	if err := s.Summarise(ctx, now); err != nil {
		return err
	}
	for {
		if err := s.forgetOlder(ctx, keep, now); err != nil {
			return err
		}
		if keep.Size == 0 {
			return nil
		}
		used, err := s.Used(ctx)
		if err != nil || used <= int64(keep.Size) {
			return err
		}
		shorter, ok := keep.shorter()
		if s.postgres != nil && shorter.Rollups != keep.Rollups {
			ok = false // only the days of single runs give their room back: see Used
		}
		if !ok {
			return fmt.Errorf("the database has %d MiB of %s and nothing more can be deleted: raise retention.size", used>>20, keep.Size)
		}
		keep = shorter
	}
}

// forgetOlder deletes everything that is older than its retention. Minutes are kept as long as single runs, hours as long as roll-ups. Runs
// of hours that are not summarised yet are kept.
func (s *Store) forgetOlder(ctx context.Context, keep Retention, now time.Time) error {
	runs, rollups := earlier(now.Add(-keep.Runs), settled(now)).UnixMicro(), now.Add(-keep.Rollups).UnixMicro()
	minutes := now.Add(-keep.Runs).Truncate(time.Hour).UnixMicro() // of whole hours, since hours take their place
	return errors.Join(
		s.forgetRuns(ctx, runs),
		s.forget(ctx, `DELETE FROM misses WHERE rowid IN (SELECT rowid FROM misses WHERE intended < ? LIMIT ?)`, rollups),
		s.forget(ctx, `DELETE FROM rollups WHERE minute IN
			(SELECT DISTINCT minute FROM rollups WHERE minute < ? ORDER BY minute LIMIT ? / 1000)`, minutes),
		s.forget(ctx, `DELETE FROM hours WHERE hour IN
			(SELECT DISTINCT hour FROM hours WHERE hour < ? ORDER BY hour LIMIT ? / 1000)`, rollups),
		s.forget(ctx, `DELETE FROM latencies WHERE begin IN
			(SELECT DISTINCT begin FROM latencies WHERE begin < ? ORDER BY begin LIMIT ? / 1000)`, rollups),
		s.forget(ctx, `DELETE FROM reloads WHERE at IN (SELECT at FROM reloads WHERE at < ? LIMIT ?)`, rollups),
		s.forget(ctx, `DELETE FROM watches WHERE started IN (SELECT started FROM watches WHERE seen < ? LIMIT ?)`, rollups),
	)
}

// forgetRuns deletes the runs that ended before a time. In PostgreSQL it drops the days of which all runs did, and keeps the others whole.
func (s *Store) forgetRuns(ctx context.Context, before int64) error {
	if s.postgres != nil {
		return s.postgres.dropDays(ctx, before)
	}
	return s.forget(ctx, `DELETE FROM runs WHERE rowid IN (SELECT rowid FROM runs WHERE ended < ? LIMIT ?)`, before)
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

// Used returns the size of the database in bytes, without pages that are free for new rows. The file itself does not shrink. In PostgreSQL
// it is the size of the tables of the history, with pages that are free for new rows.
func (s *Store) Used(ctx context.Context) (int64, error) {
	if s.postgres != nil {
		return s.postgres.used(ctx)
	}
	var pages, free, size int64
	if err := s.db.QueryRowContext(ctx, `SELECT page_count, freelist_count, page_size FROM pragma_page_count(), pragma_freelist_count(),
		pragma_page_size()`).Scan(&pages, &free, &size); err != nil {
		return 0, fmt.Errorf("read the size of the database: %w", err)
	}
	return (pages - free) * size, nil
}

// shorter returns a retention that needs less room; false when there is nothing to shorten.
func (r Retention) shorter() (Retention, bool) {
	const numerator, denominator = 7, 8
	switch {
	case r.Runs > time.Hour:
		r.Runs = max(r.Runs*numerator/denominator, time.Hour)
	case r.Rollups > day:
		r.Rollups = max(r.Rollups*numerator/denominator, day)
	default:
		return r, false
	}
	return r, true
}
