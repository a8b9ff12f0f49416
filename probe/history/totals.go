package history

import (
	"context"
	"fmt"
	"time"

	"squarewatch/probe"
)

// Total is the number of equal results in a period. Result is what they have in common; its times are zero.
type Total struct {
	Result  probe.Result
	Runs    int
	Latency time.Duration // the sum of all runs
	Slowest time.Duration
}

// Totals adds up the hours that begin at since or later and before until, ordered by probe. Every run is in an hour, also where single runs
// and minutes are no longer kept.
func (s *Store) Totals(ctx context.Context, since, until time.Time) ([]Total, error) {
	const query = `SELECT probe, credential, class, code, expected, blame, sum(runs), sum(latency), max(slowest) FROM hours
		WHERE hour >= ? AND hour < ? GROUP BY probe, credential, class, code, expected, blame
		ORDER BY ` + rollupOrder
	rows, err := s.db.QueryContext(ctx, query, since.UnixMicro(), until.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("add up hours: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []Total
	for rows.Next() {
		var t Total
		var class string
		var latency, slowest int64
		r := &t.Result
		err := rows.Scan(&r.Probe, &r.Credential, &class, &r.Code, &r.Expected, &r.Blame, &t.Runs, &latency, &slowest)
		if err == nil {
			err = r.Class.UnmarshalText([]byte(class))
		}
		if err != nil {
			return nil, fmt.Errorf("add up hours: %w", err)
		}
		t.Latency, t.Slowest = time.Duration(latency)*time.Microsecond, time.Duration(slowest)*time.Microsecond
		list = append(list, t)
	}
	return list, rows.Err()
}

// Missed is the number of missed runs of a probe for one reason.
type Missed struct {
	Probe  string
	Reason probe.MissReason
	Runs   int
}

// MissedRuns adds up the runs that were due at since or later and before until, and were missed.
func (s *Store) MissedRuns(ctx context.Context, since, until time.Time) ([]Missed, error) {
	const query = `SELECT probe, reason, sum(runs) FROM misses WHERE intended >= ? AND intended < ?
		GROUP BY probe, reason ORDER BY probe, reason`
	rows, err := s.db.QueryContext(ctx, query, since.UnixMicro(), until.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("read missed runs: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []Missed
	for rows.Next() {
		var m Missed
		if err := rows.Scan(&m.Probe, &m.Reason, &m.Runs); err != nil {
			return nil, fmt.Errorf("read missed runs: %w", err)
		}
		list = append(list, m)
	}
	return list, rows.Err()
}

// Begin returns when the first hour of the history begins; zero when it is empty.
func (s *Store) Begin(ctx context.Context) (time.Time, error) {
	var begin *int64
	if err := s.db.QueryRowContext(ctx, `SELECT min(hour) FROM hours`).Scan(&begin); err != nil {
		return time.Time{}, fmt.Errorf("read the first hour: %w", err)
	}
	if begin == nil {
		return time.Time{}, nil
	}
	return time.UnixMicro(*begin).UTC(), nil
}
