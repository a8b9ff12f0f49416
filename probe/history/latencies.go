package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"squarewatch/probe"
)

// latencyRow is a row of the table latencies.
type latencyRow struct {
	begin   time.Time
	probe   string
	hours   int // how many hours the summary is for
	summary []byte
}

// scanLatencies reads rows of the table, and closes them.
func scanLatencies(rows *sql.Rows) ([]latencyRow, error) {
	defer func() { _ = rows.Close() }()
	var list []latencyRow
	for rows.Next() {
		var row latencyRow
		var begin int64
		if err := rows.Scan(&row.probe, &begin, &row.hours, &row.summary); err != nil {
			return nil, fmt.Errorf("read summaries of latencies: %w", err)
		}
		row.begin = time.UnixMicro(begin).UTC()
		list = append(list, row)
	}
	return list, rows.Err()
}

func writeLatencies(ctx context.Context, tx *sql.Tx, rows []latencyRow) error {
	for _, row := range rows {
		if _, err := tx.ExecContext(ctx, `INSERT INTO latencies (begin, probe, hours, summary) VALUES (?, ?, ?, ?)
			ON CONFLICT (begin, probe) DO UPDATE SET hours = excluded.hours, summary = excluded.summary`,
			row.begin.UnixMicro(), row.probe, row.hours, row.summary); err != nil {
			return fmt.Errorf("write a summary of latencies of %s: %w", row.probe, err)
		}
	}
	return nil
}

// names returns the names of probes that a query selects.
func (s *Store) names(ctx context.Context, query string, arguments ...any) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, fmt.Errorf("read the names of probes: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("read the names of probes: %w", err)
		}
		list = append(list, name)
	}
	return list, rows.Err()
}

// inTransaction writes in one transaction.
func (s *Store) inTransaction(ctx context.Context, write func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin to write summaries of latencies: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if err := write(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write summaries of latencies: %w", err)
	}
	return nil
}

// part returns the beginning of the part that contains a time, where parts have a length.
func part(at time.Time, length time.Duration) time.Time {
	return time.UnixMicro(at.UnixMicro() / length.Microseconds() * length.Microseconds()).UTC()
}

// summaries returns the summaries of a probe for the parts of a period, by the beginning of the part in microseconds. A part is whole hours
// long. The first one is summarised from its beginning, and not from since. Parts without a summary are left out. For hours that are not
// summarised yet it reads the single runs. It ignores rows that cannot be read.
func (s *Store) summaries(ctx context.Context, name string, since, until time.Time, length time.Duration) (map[int64]*summary, error) {
	list, err := json.Marshal([]string{name})
	if err != nil {
		return nil, fmt.Errorf("read summaries of latencies: %w", err)
	}
	begin := part(since, length)
	rows, err := s.db.QueryContext(ctx, hoursOf(s.db), begin.UnixMicro(), until.UnixMicro(), string(list), time.Hour.Microseconds())
	if err != nil {
		return nil, fmt.Errorf("read summaries of latencies: %w", err)
	}
	stored, err := scanLatencies(rows)
	if err != nil {
		return nil, err
	}
	all, from := map[int64]*summary{}, later(begin, settled(until).Add(-time.Hour))
	add := func(at time.Time, sum *summary) {
		key := part(at, length).UnixMicro()
		if all[key] == nil {
			all[key] = newSummary()
		}
		all[key].add(sum)
	}
	for _, row := range stored {
		took := time.Duration(row.hours) * time.Hour
		from = later(from, row.begin.Add(took))
		if sum, err := readSummary(row.summary); err == nil && took <= length {
			add(row.begin, sum)
		}
	}
	for hour := from; hour.Before(until); hour = hour.Add(time.Hour) {
		const some = `WHERE probe = ? AND ended >= ? AND ended < ?`
		sums := map[string]*summary{name: newSummary()}
		if err := s.countRuns(ctx, sums, some, name, hour.UnixMicro(), earlier(hour.Add(time.Hour), until).UnixMicro()); err != nil {
			return nil, err
		}
		add(hour, sums[name])
	}
	return all, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// knownShare is the share of the runs of a part whose latencies must be known for percentiles.
const knownShare = 0.9

// rankHours sets the percentiles of buckets of whole hours, where they are known. No percentile is above the slowest run.
func (s *Store) rankHours(ctx context.Context, name string, buckets []Bucket, since, until time.Time, length time.Duration) error {
	all, err := s.summaries(ctx, name, since, until, length)
	for i := range buckets {
		b := &buckets[i]
		sum := all[b.Begin.UnixMicro()]
		if sum == nil || float64(sum.latencies.runs()) < knownShare*float64(b.Runs) {
			continue
		}
		of := func(hundredths int64) time.Duration { return min(sum.latencies.percentile(hundredths), b.Slowest) }
		b.P50, b.P95, b.P99 = of(50), of(95), of(99)
	}
	return err
}

// phasesOfHours returns the mean phases of a probe in parts of whole hours.
func (s *Store) phasesOfHours(ctx context.Context, name string, since, until time.Time, length time.Duration) ([]PhaseMean, error) {
	all, err := s.summaries(ctx, name, since, until, length)
	var list []PhaseMean
	for at := part(since, length); at.Before(until); at = at.Add(length) {
		sum := all[at.UnixMicro()]
		if sum == nil || sum.sampled == 0 {
			continue
		}
		for i, kind := range probe.PhaseKinds() {
			if sum.phases[i] > 0 {
				list = append(list, PhaseMean{Begin: at, Length: length, Kind: kind, Mean: micros(sum.phases[i] / sum.sampled)})
			}
		}
	}
	return list, err
}
