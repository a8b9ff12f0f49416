package history

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

func writeReloads(ctx context.Context, tx *sql.Tx, reloads []time.Time) error {
	for _, at := range reloads {
		if _, err := tx.ExecContext(ctx, `INSERT INTO reloads (at) VALUES (?) ON CONFLICT DO NOTHING`, at.UnixMicro()); err != nil {
			return fmt.Errorf("write a reload: %w", err)
		}
	}
	return nil
}

// ConfigurationTimes returns when a configuration came into force, by a start or a reload, after since and before until, in order; the
// newest if there are more than limit.
func (s *Store) ConfigurationTimes(ctx context.Context, since, until time.Time, limit int) ([]time.Time, error) {
	const query = `SELECT at FROM (SELECT at FROM reloads UNION SELECT started FROM watches) AS times
		WHERE at > ? AND at < ? ORDER BY at DESC LIMIT ?`
	rows, err := s.db.QueryContext(ctx, query, since.UnixMicro(), until.UnixMicro(), limit)
	if err != nil {
		return nil, fmt.Errorf("read starts and reloads: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []time.Time
	for rows.Next() {
		var at int64
		if err := rows.Scan(&at); err != nil {
			return nil, fmt.Errorf("read starts and reloads: %w", err)
		}
		list = append(list, time.UnixMicro(at).UTC())
	}
	slices.Reverse(list)
	return list, rows.Err()
}
