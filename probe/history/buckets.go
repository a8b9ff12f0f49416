package history

import (
	"context"
	"fmt"
	"slices"
	"time"

	"squarewatch/probe"
)

// Bucket counts the runs of a probe in a part of a period.
type Bucket struct {
	Begin   time.Time     `json:"begin"`
	Length  time.Duration `json:"length_ns"`
	Runs    int           `json:"runs"`
	Bad     int           `json:"bad"`
	Refused int           `json:"refused,omitempty"` // as expected; a refusal
	Mean    time.Duration `json:"mean_ns"`
	Slowest time.Duration `json:"slowest_ns"`
	P50     time.Duration `json:"p50_ns,omitempty"` // percentiles of the latency; zero where they are not known
	P95     time.Duration `json:"p95_ns,omitempty"`
	P99     time.Duration `json:"p99_ns,omitempty"`
}

// maxRanked is the number of runs up to which the percentiles of a period use all runs. Above it they use a sample of about this size.
const maxRanked = 20_000

// Buckets divides a period into parts of a length, which must be whole minutes, and returns those in which a probe had runs. For parts of
// an hour and more it reads the counts of hours, which are kept longer than single runs.
func (s *Store) Buckets(ctx context.Context, name string, since, until time.Time, length time.Duration) ([]Bucket, error) {
	all, err := s.BucketsOfEach(ctx, []string{name}, since, until, length)
	buckets := all[name]
	if err != nil {
		return nil, err
	}
	runs := 0
	for i := range buckets {
		runs += buckets[i].Runs
	}
	switch {
	case len(buckets) == 0:
		return nil, nil
	case length >= time.Hour:
		return buckets, s.rankHours(ctx, name, buckets, since, until, length)
	}
	return buckets, s.rank(ctx, name, buckets, until, runs/maxRanked+1)
}

// rank sets the percentiles of buckets of equal length, in order. It reads about one run in oneIn.
func (s *Store) rank(ctx context.Context, name string, buckets []Bucket, until time.Time, oneIn int) error {
	// The choice depends on the time and not on the rowid, since runs of several probes may be stored in a regular order. A prime number of
	// microseconds shares no period with a schedule.
	const query = `SELECT ended, latency FROM runs WHERE probe = ? AND ended >= ? AND ended < ? AND ended / 7919 % ? = 0 ORDER BY ended`
	rows, err := s.db.QueryContext(ctx, query, name, buckets[0].Begin.UnixMicro(), until.UnixMicro(), oneIn)
	if err != nil {
		return fmt.Errorf("read the latencies of %s: %w", name, err)
	}
	defer func() { _ = rows.Close() }()
	all, at := make([][]int64, len(buckets)), 0
	for rows.Next() {
		var ended, latency int64
		if err := rows.Scan(&ended, &latency); err != nil {
			return fmt.Errorf("read the latencies of %s: %w", name, err)
		}
		for at < len(buckets)-1 && ended >= buckets[at+1].Begin.UnixMicro() {
			at++
		}
		all[at] = append(all[at], latency)
	}
	for i := range buckets {
		b, latencies := &buckets[i], all[i]
		slices.Sort(latencies)
		b.P50, b.P95, b.P99 = percentile(latencies, 50), percentile(latencies, 95), percentile(latencies, 99)
	}
	return rows.Err()
}

// percentile returns a percentile of sorted latencies by the nearest-rank method: one of them, without interpolation; 0 for none.
func percentile(sorted []int64, hundredths int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return micros(sorted[(len(sorted)*hundredths+99)/100-1])
}

// PhaseMean is the mean length of a phase in the first attempts of some runs. A run without the phase counts as 0, so that the means of all
// phases add up to the mean length of these attempts.
type PhaseMean struct {
	Begin  time.Time       `json:"begin"`
	Length time.Duration   `json:"length_ns"` // of the part of the period
	Kind   probe.PhaseKind `json:"kind"`
	Mean   time.Duration   `json:"mean_ns"`
}

// maxDetails limits the runs whose phases are read for one period.
const maxDetails = 5000

// Phases returns the mean phases of the runs of a probe in a period, in parts of a length. It reads the runs whose attempts are kept (see
// [Store.Run]), the newest 5,000 at most, and leaves out parts without them. For parts of an hour and more it reads the sums of these runs,
// which are kept longer.
func (s *Store) Phases(ctx context.Context, name string, since, until time.Time, length time.Duration) ([]PhaseMean, error) {
	if length >= time.Hour {
		return s.phasesOfHours(ctx, name, since, until, length)
	}
	const sqlite = `WITH kept AS MATERIALIZED (SELECT ended / ?3 * ?3 AS at, detail FROM runs
			WHERE probe = ?4 AND ended >= ?1 AND ended < ?2 AND detail IS NOT NULL ORDER BY ended DESC LIMIT ?5),
		counted AS (SELECT at, count(*) AS runs FROM kept GROUP BY at)
		SELECT at, phase.key, sum(phase.value) / runs FROM counted JOIN kept USING (at),
			json_each(detail, '$.attempts[0].phases') AS phase GROUP BY 1, 2 ORDER BY 1`
	query := sqlite
	if s.postgres != nil {
		query = phasesPostgres
	}
	rows, err := s.db.QueryContext(ctx, query, since.UnixMicro(), until.UnixMicro(), length.Microseconds(), name, maxDetails)
	if err != nil {
		return nil, fmt.Errorf("read the phases of %s: %w", name, err)
	}
	defer func() { _ = rows.Close() }()
	var list []PhaseMean
	for rows.Next() {
		var at, mean int64
		p := PhaseMean{Length: length}
		if err := rows.Scan(&at, &p.Kind, &mean); err != nil {
			return nil, fmt.Errorf("read the phases of %s: %w", name, err)
		}
		p.Begin, p.Mean = time.UnixMicro(at).UTC(), micros(mean)
		list = append(list, p)
	}
	return list, rows.Err()
}

// RollupsOf returns the roll-ups of one probe that begin in a period, in order. They are those of minutes. For a length of an hour and
// more, they are those of hours, which are kept longer.
func (s *Store) RollupsOf(ctx context.Context, name string, since, until time.Time, length time.Duration) ([]Rollup, error) {
	const times = `WITH RECURSIVE times(at) AS (VALUES(CAST(?1 AS bigint)) UNION ALL SELECT at + ?4 FROM times WHERE at + ?4 < ?2)
		SELECT at, probe, credential, class, code, expected, blame, runs FROM times CROSS JOIN `
	const minutes = times + `rollups WHERE minute = at AND probe = ?3 ORDER BY at`
	const hours = times + `hours WHERE hour = at AND probe = ?3 ORDER BY at`
	query, unit := minutes, time.Minute
	if length >= time.Hour {
		query, unit = hours, time.Hour
	}
	if s.postgres != nil { // SQLite reads them in the order of the primary key
		query += ", " + rollupOrder
	}
	rows, err := s.db.QueryContext(ctx, query, since.Truncate(unit).UnixMicro(), until.UnixMicro(), name, unit.Microseconds())
	if err != nil {
		return nil, fmt.Errorf("read roll-ups of %s: %w", name, err)
	}
	defer func() { _ = rows.Close() }()
	var list []Rollup
	for rows.Next() {
		up, err := scanRollup(rows, unit)
		if err != nil {
			return nil, err
		}
		list = append(list, up)
	}
	return list, rows.Err()
}
