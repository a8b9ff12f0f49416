package history

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"squarewatch/probe/database"
)

// DefaultLocation is the location of the runs of a host that has no name for its own.
const DefaultLocation = "main"

// postgres is what a store does otherwise in PostgreSQL. There, several hosts write: a batch is one statement, whatever its size, and a run
// that two hosts made counts once.
type postgres struct {
	db       *sql.DB
	location string // of this host

	mu   sync.Mutex
	days map[int64]bool // days that are known to have a partition, by their beginning in microseconds
}

func newPostgres(db *sql.DB) *postgres {
	return &postgres{db: db, location: DefaultLocation, days: map[int64]bool{}}
}

// At sets the location of the runs that the store writes; [DefaultLocation] without it. Call it before the store is used. SQLite has the
// runs of one host only, and stores no location.
func (s *Store) At(location string) {
	if s.postgres != nil {
		s.postgres.location = location
	}
}

// insertRuns inserts runs from one array for each column, and adds those that were not there yet to the roll-ups, in one statement:
// https://www.postgresql.org/docs/13/functions-array.html (unnest) and https://www.postgresql.org/docs/13/queries-with.html
// (data-modifying statements in WITH, whose RETURNING has no row for a conflict:
// https://www.postgresql.org/docs/13/sql-insert.html#SQL-ON-CONFLICT). Rows are sorted, so that two hosts lock them in the same order:
// https://www.postgresql.org/docs/13/explicit-locking.html#LOCKING-DEADLOCKS.
const insertRuns = `WITH new AS (
	INSERT INTO runs (location, ended, probe, credential, intended, started, latency, attempts, class, code, expected, breach, blame, reason,
		excerpt, trace, span, evidence, settle, detail)
	SELECT ?1, ended, probe, credential, intended, started, latency, attempts, class, code, expected, breach, blame, reason, excerpt, trace,
		span, evidence, nullif(settle, ''), detail
	FROM unnest(?2::bigint[], ?3::text[], ?4::text[], ?5::bigint[], ?6::bigint[], ?7::bigint[], ?8::bigint[], ?9::text[], ?10::bigint[],
		?11::boolean[], ?12::boolean[], ?13::text[], ?14::text[], ?15::text[], ?16::bytea[], ?17::bytea[], ?18::text[], ?19::text[],
		?20::text[]) AS r(ended, probe, credential, intended, started, latency, attempts, class, code, expected, breach, blame, reason,
		excerpt, trace, span, evidence, settle, detail)
	ORDER BY probe, intended
	ON CONFLICT DO NOTHING
	RETURNING ended, probe, location, credential, class, code, expected, blame, latency),
minutes AS (
	INSERT INTO rollups (minute, probe, location, credential, class, code, expected, blame, runs, latency, slowest)
	SELECT ended - (ended % ?21 + ?21) % ?21 AS begin, probe, location, credential, class, code, expected, blame,
		count(*), sum(latency), max(latency)
	FROM new GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
	ON CONFLICT (minute, probe, location, credential, class, code, expected, blame) DO UPDATE SET runs = rollups.runs + excluded.runs,
		latency = rollups.latency + excluded.latency, slowest = greatest(rollups.slowest, excluded.slowest))
INSERT INTO hours (hour, probe, location, credential, class, code, expected, blame, runs, latency, slowest)
SELECT ended - (ended % ?22 + ?22) % ?22 AS begin, probe, location, credential, class, code, expected, blame,
	count(*), sum(latency), max(latency)
FROM new GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
ON CONFLICT (hour, probe, location, credential, class, code, expected, blame) DO UPDATE SET runs = hours.runs + excluded.runs,
	latency = hours.latency + excluded.latency, slowest = greatest(hours.slowest, excluded.slowest)`

// phasesPostgres is the query of [Store.Phases].
const phasesPostgres = `WITH kept AS MATERIALIZED (SELECT ended / ?3 * ?3 AS at, detail FROM runs
		WHERE probe = ?4 AND ended >= ?1 AND ended < ?2 AND detail IS NOT NULL ORDER BY ended DESC LIMIT ?5),
	counted AS (SELECT at, count(*) AS runs FROM kept GROUP BY at)
	SELECT at, phase.key, CAST(sum(CAST(phase.value AS bigint)) AS bigint) / runs FROM counted JOIN kept USING (at)
		CROSS JOIN LATERAL json_each_text(CAST(detail AS json) #> '{attempts,0,phases}') AS phase GROUP BY at, runs, phase.key ORDER BY at`

// writeAll writes a batch.
func (p *postgres) writeAll(ctx context.Context, tx *sql.Tx, b batch) error {
	if len(b.results) > 0 {
		if err := p.writeRuns(ctx, tx, b.results); err != nil {
			return err
		}
	}
	if err := addDetails(ctx, tx, b.details); err != nil {
		return err
	}
	if err := writeReloads(ctx, tx, b.reloads); err != nil {
		return err
	}
	for _, m := range b.misses {
		if _, err := tx.ExecContext(ctx, `INSERT INTO misses (location, intended, probe, reason, runs) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO NOTHING`, p.location, m.Intended.UnixMicro(), m.Probe, string(m.Reason), m.Count); err != nil {
			return fmt.Errorf("write a miss of %s: %w", m.Probe, err)
		}
	}
	return nil
}

// columns are the arrays of insertRuns.
type columns struct {
	ended, intended, started, latency, attempts, code        []int64
	probe, credential, class, blame, reason, excerpt, settle []string
	expected, breach                                         []bool
	trace, span                                              [][]byte
	evidence, detail                                         []*string
}

func (c *columns) add(r run) error {
	evidence, err := evidenceText(r.Evidence)
	var detail sql.NullString
	if err == nil && r.detailed {
		detail, err = detailOf(r.Result).text()
	}
	if err != nil {
		return fmt.Errorf("write a run of %s: %w", r.Probe, err)
	}
	c.ended, c.intended = append(c.ended, r.End.UnixMicro()), append(c.intended, r.Intended.UnixMicro())
	c.started, c.latency = append(c.started, r.Start.UnixMicro()), append(c.latency, r.Latency().Microseconds())
	c.attempts, c.code = append(c.attempts, int64(len(r.Attempts))), append(c.code, int64(r.Code))
	c.probe, c.credential = append(c.probe, r.Probe), append(c.credential, r.Credential)
	c.class, c.blame = append(c.class, r.Class.String()), append(c.blame, string(r.Blame))
	c.reason, c.excerpt = append(c.reason, r.Reason), append(c.excerpt, r.Excerpt)
	c.settle = append(c.settle, r.Advice)
	c.expected, c.breach = append(c.expected, r.Expected), append(c.breach, r.Breach)
	c.trace, c.span = append(c.trace, r.Trace[:]), append(c.span, r.Span[:])
	c.evidence, c.detail = append(c.evidence, orNil(evidence)), append(c.detail, orNil(detail))
	return nil
}

func orNil(s sql.NullString) *string {
	if !s.Valid {
		return nil
	}
	return &s.String
}

// writeRuns writes runs and their roll-ups.
func (p *postgres) writeRuns(ctx context.Context, tx *sql.Tx, results []run) error {
	var c columns
	for _, r := range results {
		if err := c.add(r); err != nil {
			return err
		}
	}
	if err := p.makeDays(ctx, c.intended); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, insertRuns, p.location, c.ended, c.probe, c.credential, c.intended, c.started, c.latency, c.attempts,
		c.class, c.code, c.expected, c.breach, c.blame, c.reason, c.excerpt, c.trace, c.span, c.evidence, c.settle, c.detail,
		time.Minute.Microseconds(), time.Hour.Microseconds()); err != nil {
		p.forgetDays() // another host may have dropped one
		return fmt.Errorf("write runs: %w", err)
	}
	return nil
}

func (p *postgres) forgetDays() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.days)
}

// dayOf returns the beginning of the day of a time, both in microseconds.
func dayOf(at int64) int64 { return time.UnixMicro(at).UTC().Truncate(day).UnixMicro() }

// partition returns the name of the table of a day.
func partition(begin int64) string {
	return "runs_" + strings.ReplaceAll(time.UnixMicro(begin).UTC().Format("2006_01_02"), "-", "m")
}

// makeDays creates the partitions of some times that are missing, in a transaction of its own: it locks the whole table until that ends
// (https://www.postgresql.org/docs/13/sql-createtable.html, PARTITION OF).
func (p *postgres) makeDays(ctx context.Context, times []int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var missing []int64
	for _, at := range times {
		if begin := dayOf(at); !p.days[begin] && !slices.Contains(missing, begin) {
			missing = append(missing, begin)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := inLock(ctx, p.db, func(tx *sql.Tx) error {
		for _, begin := range missing {
			if _, err := tx.ExecContext(ctx, fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s PARTITION OF runs FOR VALUES FROM (%d) TO (%d)`,
				partition(begin), begin, begin+day.Microseconds())); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("create the tables of a day: %w", err)
	}
	for _, begin := range missing {
		p.days[begin] = true
	}
	return nil
}

// inLock runs a transaction that creates or drops partitions. Only one host does so at a time.
func inLock(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(?)`, database.LockKey("days of runs")); err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// dropDays drops the partitions of which all runs ended before a time: https://www.postgresql.org/docs/13/ddl-partitioning.html.
func (p *postgres) dropDays(ctx context.Context, before int64) error {
	names, err := p.partitions(ctx)
	if err != nil {
		return fmt.Errorf("delete old history: %w", err)
	}
	for _, name := range names {
		// Runs of a day that ended later, and those of the day that is written now, keep the day.
		if name >= partition(dayOf(before)) {
			continue
		}
		err := inLock(ctx, p.db, func(tx *sql.Tx) error {
			var later bool
			if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+name+` WHERE ended >= ?)`, before).Scan(&later); err != nil || later {
				return err
			}
			_, err := tx.ExecContext(ctx, `DROP TABLE `+name)
			return err
		})
		if err != nil {
			return fmt.Errorf("delete old history: %w", err)
		}
	}
	p.forgetDays()
	return nil
}

// partitions returns the names of the tables of days, in order.
func (p *postgres) partitions(ctx context.Context) (names []string, err error) {
	rows, err := p.db.QueryContext(ctx, `SELECT CAST(CAST(relid AS regclass) AS text) FROM pg_partition_tree('runs') WHERE isleaf`)
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, errors.Join(rows.Err(), rows.Close())) }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// used returns the size of the tables: https://www.postgresql.org/docs/13/functions-admin.html#FUNCTIONS-ADMIN-DBSIZE.
func (p *postgres) used(ctx context.Context) (size int64, err error) {
	const query = `SELECT CAST(coalesce(sum(pg_total_relation_size(relid)), 0) AS bigint) FROM (
		SELECT CAST(relid AS oid) AS relid FROM pg_partition_tree('runs') WHERE isleaf
		UNION SELECT CAST(CAST(name AS regclass) AS oid) FROM unnest(ARRAY['rollups', 'hours', 'misses', 'latencies']) AS name) AS tables`
	if err := p.db.QueryRowContext(ctx, query).Scan(&size); err != nil {
		return 0, fmt.Errorf("read the size of the database: %w", err)
	}
	return size, nil
}
