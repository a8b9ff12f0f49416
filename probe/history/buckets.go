package history

import (
	"context"
	"fmt"
	"time"
)

// Bucket is what the runs of a probe were in a part of a period.
type Bucket struct {
	Begin   time.Time     `json:"begin"`
	Length  time.Duration `json:"length_ns"`
	Runs    int           `json:"runs"`
	Bad     int           `json:"bad"`
	Refused int           `json:"refused,omitempty"` // as expected; only of BucketsOfEach
	Mean    time.Duration `json:"mean_ns"`
	Slowest time.Duration `json:"slowest_ns"`
}

// Buckets returns the runs of a probe in a period in parts of a length; parts without runs are left out. It reads single runs, or from
// parts of a whole hour on the counts of hours, which are kept longer.
func (s *Store) Buckets(ctx context.Context, name string, since, until time.Time, length time.Duration) ([]Bucket, error) {
	const single = `SELECT ended / ?3 * ?3 AS at, count(*), sum(1 - expected), sum(latency), max(latency) FROM runs
		WHERE probe = ?4 AND ended >= ?1 AND ended < ?2 GROUP BY at ORDER BY at`
	const hourly = `WITH RECURSIVE times(at) AS (VALUES(?1) UNION ALL SELECT at + 3600000000 FROM times WHERE at + 3600000000 < ?2)
		SELECT hour / ?3 * ?3 AS at, sum(runs), sum(CASE expected WHEN 1 THEN 0 ELSE runs END), sum(latency), max(slowest)
		FROM times JOIN hours ON hour = times.at AND probe = ?4 GROUP BY 1 ORDER BY 1`
	query := single
	if length >= time.Hour {
		query, since = hourly, since.Truncate(time.Hour)
	}
	rows, err := s.db.QueryContext(ctx, query, since.UnixMicro(), until.UnixMicro(), length.Microseconds(), name)
	if err != nil {
		return nil, fmt.Errorf("read the runs of %s: %w", name, err)
	}
	defer func() { _ = rows.Close() }()
	var buckets []Bucket
	for rows.Next() {
		var at, sum, slowest int64
		b := Bucket{Length: length}
		if err := rows.Scan(&at, &b.Runs, &b.Bad, &sum, &slowest); err != nil {
			return nil, fmt.Errorf("read the runs of %s: %w", name, err)
		}
		b.Begin, b.Slowest = time.UnixMicro(at).UTC(), time.Duration(slowest)*time.Microsecond
		b.Mean = time.Duration(sum) * time.Microsecond / time.Duration(max(b.Runs, 1))
		buckets = append(buckets, b)
	}
	return buckets, rows.Err()
}
