package history

import (
	"context"
	"fmt"
	"time"
)

// Uptime is how many runs of a probe were as expected. Missed runs are not among the runs, because it is not known how they
// would have ended.
type Uptime struct {
	Runs   int // finished
	Good   int // as expected
	Missed int // scheduled, and without a result
}

// Uptimes returns the uptime of every probe that had runs or missed runs, from the beginning of the hour of the given time.
func (s *Store) Uptimes(ctx context.Context, since time.Time) (map[string]Uptime, error) {
	from := since.UTC().Truncate(time.Hour).UnixMicro()
	rows, err := s.db.QueryContext(ctx, `SELECT probe, sum(runs), sum(good), sum(missed) FROM (
		SELECT probe, sum(runs) AS runs, sum(CASE WHEN expected THEN runs ELSE 0 END) AS good, 0 AS missed
			FROM hours WHERE hour >= ?1 GROUP BY probe
		UNION ALL
		SELECT probe, 0, 0, sum(runs) FROM misses WHERE intended >= ?1 GROUP BY probe) AS parts GROUP BY probe`, from)
	if err != nil {
		return nil, fmt.Errorf("read the uptime of probes: %w", err)
	}
	defer func() { _ = rows.Close() }()
	all := map[string]Uptime{}
	for rows.Next() {
		var name string
		var u Uptime
		if err := rows.Scan(&name, &u.Runs, &u.Good, &u.Missed); err != nil {
			return nil, fmt.Errorf("read the uptime of probes: %w", err)
		}
		all[name] = u
	}
	return all, rows.Err()
}
