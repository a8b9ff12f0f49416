package history

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/database"
)

// RunsOfEach is [Store.RunsOf] for several probes, with one query. It returns the runs by probe. All other users of the database wait
// meanwhile, so the limit times the number of names should be a few thousand at most.
func (s *Store) RunsOfEach(ctx context.Context, names []string, from, until time.Time, limit int) (map[string][]Record, error) {
	const columns = `SELECT ` + runColumns + evidenceColumns + `, latency, attempts, detail IS NOT NULL `
	query := columns + `FROM json_each(?1) AS names CROSS JOIN runs ON runs.rowid IN (
			SELECT rowid FROM runs WHERE probe = names.value AND ended > ?2 AND ended <= ?3 ORDER BY ended DESC LIMIT ?4)`
	if s.postgres != nil { // PostgreSQL has no rowid, and SQLite no LATERAL
		query = columns + `FROM json_array_elements_text(CAST(?1 AS json)) AS names(value) CROSS JOIN LATERAL (
			SELECT * FROM runs WHERE probe = names.value AND ended > ?2 AND ended <= ?3 ORDER BY ended DESC LIMIT ?4) AS newest`
	}
	list, err := json.Marshal(names)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	rows, err := s.db.QueryContext(ctx, query, string(list), from.UnixMicro(), until.UnixMicro(), limit)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	defer func() { _ = rows.Close() }()
	all := map[string][]Record{}
	for rows.Next() {
		record, err := scanRecord(rows)
		if err != nil {
			return nil, err
		}
		all[record.Probe] = append(all[record.Probe], record)
	}
	for _, runs := range all {
		slices.SortStableFunc(runs, func(a, b Record) int { return a.End.Compare(b.End) })
	}
	return all, rows.Err()
}

// BucketsOfEach is [Store.Buckets] for several probes, with one query and without percentiles. It returns the buckets by probe.
func (s *Store) BucketsOfEach(
	ctx context.Context, names []string, since, until time.Time, length time.Duration,
) (map[string][]Bucket, error) {
	sums := `WITH RECURSIVE times(at) AS (VALUES(CAST(?1 AS bigint)) UNION ALL SELECT at + ?5 FROM times WHERE at + ?5 < ?2)
		SELECT probe, times.at / ?3 * ?3 AS begin, sum(runs), sum(CASE WHEN expected THEN 0 ELSE runs END),
			sum(CASE WHEN expected AND class <> ?6 THEN runs ELSE 0 END), sum(latency), max(slowest)
		FROM times CROSS JOIN ` + database.Names(s.db, "?4") + ` CROSS JOIN `
	const minutes = `rollups WHERE minute = times.at AND probe = names.value GROUP BY 1, 2 ORDER BY 1, 2`
	const hourly = `hours WHERE hour = times.at AND probe = names.value GROUP BY 1, 2 ORDER BY 1, 2`
	query, step := sums+minutes, time.Minute //nolint:gosec // constants
	if length >= time.Hour {
		query, step = sums+hourly, time.Hour
	}
	list, err := json.Marshal(names)
	if err != nil {
		return nil, fmt.Errorf("add up runs: %w", err)
	}
	rows, err := s.db.QueryContext(ctx, query, since.Truncate(step).UnixMicro(), until.UnixMicro(), length.Microseconds(), string(list),
		step.Microseconds(), probe.Success.String())
	if err != nil {
		return nil, fmt.Errorf("add up runs: %w", err)
	}
	defer func() { _ = rows.Close() }()
	all := map[string][]Bucket{}
	for rows.Next() {
		var name string
		var at, sum, slowest int64
		b := Bucket{Length: length}
		if err := rows.Scan(&name, &at, &b.Runs, &b.Bad, &b.Refused, &sum, &slowest); err != nil {
			return nil, fmt.Errorf("add up runs: %w", err)
		}
		b.Begin, b.Slowest = time.UnixMicro(at).UTC(), micros(slowest)
		b.Mean = micros(sum) / time.Duration(max(b.Runs, 1))
		all[name] = append(all[name], b)
	}
	return all, rows.Err()
}

// Misses returns the misses of all probes, in order, if their first run was due after from and not after until; the newest if there are
// more than limit.
func (s *Store) Misses(ctx context.Context, from, until time.Time, limit int) ([]probe.Miss, error) {
	const query = `SELECT intended, probe, reason, runs FROM misses WHERE intended > ? AND intended <= ? ORDER BY intended DESC LIMIT ?`
	rows, err := s.db.QueryContext(ctx, query, from.UnixMicro(), until.UnixMicro(), limit)
	if err != nil {
		return nil, fmt.Errorf("read missed runs: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []probe.Miss
	for rows.Next() {
		var m probe.Miss
		var intended int64
		if err := rows.Scan(&intended, &m.Probe, &m.Reason, &m.Count); err != nil {
			return nil, fmt.Errorf("read missed runs: %w", err)
		}
		m.Intended = time.UnixMicro(intended).UTC()
		list = append(list, m)
	}
	slices.Reverse(list)
	return list, rows.Err()
}
