package history

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"squarewatch/probe"
)

// ErrNoRun is the error for a run whose detail is not kept: it is too old, it is healthy and not in the sample, or there was no such run.
var ErrNoRun = errors.New("the history has no detail of this run")

// Record is one stored run.
type Record struct {
	*probe.Result // without attempts and looks

	Latency  time.Duration // of its first answer
	Attempts int           // how many it made
	Detailed bool          // Run returns its attempts and phases
}

// Run returns the run of a trace with its attempts, phases and looks; [ErrNoRun] if these are not kept. They are kept
// as long as single runs are, for every unexpected run, for the first healthy run of each probe in ten minutes, and for the last healthy
// run before an unexpected one. The attempts have no span, and only the URL of the server.
func (s *Store) Run(ctx context.Context, trace probe.TraceID) (*probe.Result, error) {
	var text string
	const from = ` FROM runs WHERE trace = ? AND detail IS NOT NULL LIMIT 1`
	rows, err := s.db.QueryContext(ctx, `SELECT `+runColumns+evidenceColumns+`, detail`+from, trace[:])
	if err != nil {
		return nil, fmt.Errorf("read run %s: %w", trace, err)
	}
	defer func() { _ = rows.Close() }()
	if !rows.Next() {
		return nil, cmp.Or(rows.Err(), ErrNoRun)
	}
	run, err := scanRun(rows, &text)
	if err != nil {
		return nil, err
	}
	return run, readDetail(run, text)
}

// RunsOf returns the runs of a probe that ended after from and not after until, in order of their end; the newest if there are more than
// limit. All other users of the database wait meanwhile, so limit should be a few thousand at most.
func (s *Store) RunsOf(ctx context.Context, name string, from, until time.Time, limit int) ([]Record, error) {
	const query = `SELECT ` + runColumns + evidenceColumns + `, latency, attempts,
		detail IS NOT NULL
		FROM runs WHERE probe = ? AND ended > ? AND ended <= ? ORDER BY ended DESC LIMIT ?`
	rows, err := s.db.QueryContext(ctx, query, name, from.UnixMicro(), until.UnixMicro(), limit)
	if err != nil {
		return nil, fmt.Errorf("read the runs of %s: %w", name, err)
	}
	defer func() { _ = rows.Close() }()
	var list []Record
	for rows.Next() {
		record, err := scanRecord(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, record)
	}
	slices.Reverse(list)
	return list, rows.Err()
}

// scanRecord reads the columns of a Record.
func scanRecord(rows *sql.Rows) (record Record, err error) {
	var latency int64
	record.Result, err = scanRun(rows, &latency, &record.Attempts, &record.Detailed)
	record.Latency = micros(latency)
	return record, err
}

// FirstBad returns the first unexpected run of a probe that ended at from or later and at until or earlier, and the last healthy run before
// it; nil for none. Both have their attempts if these are kept: see [Store.Run].
func (s *Store) FirstBad(ctx context.Context, name string, from, until time.Time) (bad, good *probe.Result, err error) {
	const first = `FROM runs WHERE probe = ? AND ended >= ? AND ended <= ? AND NOT expected ORDER BY ended LIMIT 1`
	if bad, err = s.one(ctx, first, name, from.UnixMicro(), until.UnixMicro()); err != nil || bad == nil {
		return nil, nil, err
	}
	const last = `FROM runs WHERE probe = ? AND ended < ? AND expected ORDER BY ended DESC LIMIT 1`
	if good, err = s.one(ctx, last, name, bad.End.UnixMicro()); err != nil {
		return nil, nil, err
	}
	for _, run := range []**probe.Result{&bad, &good} {
		if *run == nil {
			continue
		}
		detailed, err := s.Run(ctx, (*run).Trace)
		if err != nil && !errors.Is(err, ErrNoRun) {
			return nil, nil, err
		}
		if detailed != nil {
			*run = detailed
		}
	}
	return bad, good, nil
}

// one returns the first run that a query selects; nil for none. The argument from is the text of the query from its word FROM on.
func (s *Store) one(ctx context.Context, from string, arguments ...any) (run *probe.Result, err error) {
	for run, err = range s.runs(ctx, from, arguments...) {
		break
	}
	return run, err
}

// MissesOf returns the misses of a probe, in order, if their first run was due after from and not after until; the newest if there are more
// than limit.
func (s *Store) MissesOf(ctx context.Context, name string, from, until time.Time, limit int) ([]probe.Miss, error) {
	const query = `SELECT intended, reason, runs FROM misses WHERE probe = ? AND intended > ? AND intended <= ?
		ORDER BY intended DESC LIMIT ?`
	rows, err := s.db.QueryContext(ctx, query, name, from.UnixMicro(), until.UnixMicro(), limit)
	if err != nil {
		return nil, fmt.Errorf("read the missed runs of %s: %w", name, err)
	}
	defer func() { _ = rows.Close() }()
	var list []probe.Miss
	for rows.Next() {
		miss := probe.Miss{Probe: name}
		var intended int64
		if err := rows.Scan(&intended, &miss.Reason, &miss.Count); err != nil {
			return nil, fmt.Errorf("read the missed runs of %s: %w", name, err)
		}
		miss.Intended = time.UnixMicro(intended).UTC()
		list = append(list, miss)
	}
	slices.Reverse(list)
	return list, rows.Err()
}
