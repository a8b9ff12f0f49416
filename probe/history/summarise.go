package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"squarewatch/probe/database"
)

const (
	// settleTime is how long after its end an hour is summarised. By then its last runs are written.
	settleTime = time.Minute
	// hoursKept is how long the hours of a day are kept one by one. Then they become one row for the day.
	hoursKept = 8 * day
	// readTogether is the length of time that one query reads. It reads the runs in their order on the disk, and not by probe, so that it
	// reads each page of the database once.
	readTogether = 10 * time.Second
	// mergedTogether is the number of probes whose hours become a day in one transaction.
	mergedTogether = 200
)

// settled returns the beginning of the oldest hour that must not be summarised yet.
func settled(now time.Time) time.Time { return now.Add(-settleTime).Truncate(time.Hour) }

// Summarise stores how long the runs took in each hour that is over. Pages show this when single runs are no longer kept. It skips hours
// that it has stored before. It reads the runs of some seconds at a time, so that others can use the database meanwhile.
func (s *Store) Summarise(ctx context.Context, now time.Time) error {
	from, err := s.summarisedUntil(ctx, settled(now))
	if err != nil || from.IsZero() {
		return err
	}
	for {
		hour, found, err := s.nextHour(ctx, from, settled(now))
		if err != nil || !found {
			return err
		}
		if err := s.summariseHour(ctx, hour); err != nil {
			return err
		}
		if from.Add(-time.Hour).Before(hour.Truncate(day)) { // the hour before is of an earlier day
			if err := s.mergeDays(ctx, hour.Add(-hoursKept)); err != nil {
				return err
			}
		}
		from = hour.Add(time.Hour)
	}
}

// summarisedUntil returns the end of the last summarised hour that began before a time: a clock that was ahead may have left later ones. If
// no hour is summarised, it returns the hour of the oldest run; zero without runs.
func (s *Store) summarisedUntil(ctx context.Context, before time.Time) (time.Time, error) {
	const query = `SELECT coalesce((SELECT begin + hours * ?1 FROM latencies WHERE begin < ?2 ORDER BY begin DESC LIMIT 1),
		(SELECT min(ended) FROM runs))`
	var at sql.NullInt64
	if err := s.db.QueryRowContext(ctx, query, time.Hour.Microseconds(), before.UnixMicro()).Scan(&at); err != nil {
		return time.Time{}, fmt.Errorf("read which hours are summarised: %w", err)
	}
	if !at.Valid {
		return time.Time{}, nil
	}
	return time.UnixMicro(at.Int64).UTC().Truncate(time.Hour), nil
}

// nextHour returns the first hour with runs that begins at from or later and before until.
func (s *Store) nextHour(ctx context.Context, from, until time.Time) (hour time.Time, found bool, err error) {
	var at sql.NullInt64
	const query = `SELECT min(hour) FROM hours WHERE hour >= ? AND hour < ?`
	if err := s.db.QueryRowContext(ctx, query, from.UnixMicro(), until.UnixMicro()).Scan(&at); err != nil {
		return time.Time{}, false, fmt.Errorf("read which hour to summarise: %w", err)
	}
	return time.UnixMicro(at.Int64).UTC(), at.Valid, nil
}

// summariseHour stores the summary of an hour of each probe, all together or none.
func (s *Store) summariseHour(ctx context.Context, hour time.Time) error {
	names, err := s.names(ctx, `SELECT DISTINCT probe FROM hours WHERE hour = ?`, hour.UnixMicro())
	if err != nil {
		return err
	}
	sums := map[string]*summary{}
	for _, name := range names { // also those without single runs, so that the hour is not summarised again
		sums[name] = newSummary()
	}
	const some = `WHERE ended >= ? AND ended < ? ORDER BY ended`
	for at := hour; at.Before(hour.Add(time.Hour)); at = at.Add(readTogether) {
		if err := s.countRuns(ctx, sums, some, at.UnixMicro(), at.Add(readTogether).UnixMicro()); err != nil {
			return err
		}
	}
	rows := make([]latencyRow, 0, len(sums))
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		rows = append(rows, latencyRow{begin: hour, probe: name, hours: 1, summary: sums[name].encode()})
	}
	return s.inTransaction(ctx, func(tx *sql.Tx) error { return writeLatencies(ctx, tx, rows) })
}

// countRuns adds the single runs that a query from WHERE on selects to the summaries of their probes.
func (s *Store) countRuns(ctx context.Context, sums map[string]*summary, where string, arguments ...any) error {
	columns := `SELECT probe, latency, json_extract(detail, '$.attempts[0].phases') FROM runs `
	if s.postgres != nil {
		columns = `SELECT probe, latency, CAST(CAST(detail AS json) #> '{attempts,0,phases}' AS text) FROM runs `
	}
	rows, err := s.db.QueryContext(ctx, columns+where, arguments...)
	if err != nil {
		return fmt.Errorf("read latencies: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var latency int64
		var name, phases sql.RawBytes
		if err := rows.Scan(&name, &latency, &phases); err != nil {
			return fmt.Errorf("read latencies: %w", err)
		}
		sum := sums[string(name)]
		if sum == nil {
			sum = newSummary()
			sums[string(name)] = sum
		}
		sum.count(latency, phases)
	}
	return rows.Err()
}

// mergeDays replaces the rows of hours by one row a day, for days that began at or before a time.
func (s *Store) mergeDays(ctx context.Context, until time.Time) error {
	days, err := s.daysInHours(ctx, until)
	if err != nil {
		return err
	}
	for _, begin := range days {
		const ofDay = `SELECT DISTINCT probe FROM latencies WHERE begin >= ? AND begin < ? AND hours = 1`
		names, err := s.names(ctx, ofDay, begin.UnixMicro(), begin.Add(day).UnixMicro())
		if err != nil {
			return err
		}
		for some := range slices.Chunk(names, mergedTogether) {
			if err := s.inTransaction(ctx, func(tx *sql.Tx) error { return s.mergeDay(ctx, tx, begin, some) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// daysInHours returns the days that began at or before a time and have rows of hours.
func (s *Store) daysInHours(ctx context.Context, until time.Time) ([]time.Time, error) {
	const query = `SELECT DISTINCT begin / ?1 * ?1 FROM latencies WHERE begin < ?2 AND hours = 1`
	rows, err := s.db.QueryContext(ctx, query, day.Microseconds(), until.Truncate(day).Add(day).UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("read which days to add up: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var days []time.Time
	for rows.Next() {
		var at int64
		if err := rows.Scan(&at); err != nil {
			return nil, fmt.Errorf("read which days to add up: %w", err)
		}
		days = append(days, time.UnixMicro(at).UTC())
	}
	return days, rows.Err()
}

// hoursOf returns a query of the summaries of some hours of probes: from ?1 on, before ?2, of the probes in the JSON list ?3. ?4 is an
// hour. It looks up each hour and probe, since the rows of one probe are far from each other.
func hoursOf(db *sql.DB) string {
	return `WITH RECURSIVE times(at) AS (VALUES(CAST(?1 AS bigint)) UNION ALL SELECT at + ?4 FROM times WHERE at + ?4 < ?2)
		SELECT probe, begin, hours, summary FROM ` + database.Names(db, "?3") + ` CROSS JOIN times
		CROSS JOIN latencies WHERE begin = at AND probe = names.value`
}

// mergeDay replaces the rows of the hours of a day by one row, for each of some probes.
func (s *Store) mergeDay(ctx context.Context, tx *sql.Tx, begin time.Time, names []string) error {
	list, err := json.Marshal(names)
	if err != nil {
		return fmt.Errorf("add up a day: %w", err)
	}
	rows, err := tx.QueryContext(ctx, hoursOf(s.db), begin.UnixMicro(), begin.Add(day).UnixMicro(), string(list), time.Hour.Microseconds())
	if err != nil {
		return fmt.Errorf("add up a day: %w", err)
	}
	hours, err := scanLatencies(rows)
	if err != nil {
		return err
	}
	sums := map[string]*summary{}
	for _, row := range hours {
		if sums[row.probe] == nil {
			sums[row.probe] = newSummary()
		}
		if sum, err := readSummary(row.summary); err == nil { // it ignores rows that cannot be read
			sums[row.probe].add(sum)
		}
	}
	var days []latencyRow
	for name, sum := range sums {
		days = append(days, latencyRow{begin: begin, probe: name, hours: int(day / time.Hour), summary: sum.encode()})
	}
	for _, row := range hours {
		if _, err := tx.ExecContext(ctx, `DELETE FROM latencies WHERE begin = ? AND probe = ?`, row.begin.UnixMicro(), row.probe); err != nil {
			return fmt.Errorf("add up a day: %w", err)
		}
	}
	return writeLatencies(ctx, tx, days)
}
