package history

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"iter"
	"slices"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/database"
)

// Store reads and deletes history. It is safe for concurrent use.
type Store struct {
	db       *sql.DB
	postgres *postgres  // nil for SQLite
	readOnly bool       // another process, perhaps of an older version, maintains the tables
	writing  statements // of write; not prepared when readOnly
}

//go:embed migrations/*.sql migrations/postgres/*.sql
var migrations embed.FS

func tables() database.Tables {
	return database.Tables{Name: "the history", Version: "history_version", Files: migrations}
}

// SchemaVersion returns the version of the tables of the history: the number of their migrations.
func SchemaVersion() int {
	return tables().SchemaVersion()
}

// NewStore returns a store in a database. It creates and updates the tables.
func NewStore(ctx context.Context, db *sql.DB) (*Store, error) {
	if err := tables().Update(ctx, db); err != nil {
		return nil, err
	}
	s := &Store{db: db}
	if database.IsPostgres(db) {
		s.postgres = newPostgres(db)
		return s, nil
	}
	if err := s.writing.prepare(ctx, db); err != nil {
		return nil, fmt.Errorf("prepare to write history: %w", err)
	}
	return s, nil
}

// ReadStore returns a store in a database whose tables another process maintains.
func ReadStore(db *sql.DB) *Store {
	s := &Store{db: db, readOnly: true}
	if database.IsPostgres(db) {
		s.postgres = newPostgres(db)
	}
	return s
}

const (
	runColumns = `probe, credential, intended, started, ended, class, code, expected, breach, blame, reason, excerpt, trace, span, `
	// evidenceColumns came later. A database of an older version has none.
	evidenceColumns = `evidence, coalesce(settle, '')`
	noEvidence      = `NULL, ''`
)

// runColumns returns the columns of a run. It asks the database only where it may be of an older version.
func (s *Store) runColumns(ctx context.Context) (string, error) {
	known := true
	if s.readOnly && !database.IsPostgres(s.db) {
		const query = `SELECT count(*) FROM pragma_table_info('runs') WHERE name = 'evidence'`
		if err := s.db.QueryRowContext(ctx, query).Scan(&known); err != nil {
			return "", err
		}
	}
	if known {
		return runColumns + evidenceColumns, nil
	}
	return runColumns + noEvidence, nil
}

// Runs returns the runs that ended after since and not after until, in order of their end. The results have no attempts.
func (s *Store) Runs(ctx context.Context, since, until time.Time) iter.Seq2[*probe.Result, error] {
	const query = `FROM runs WHERE ended > ? AND ended <= ? ORDER BY ended`
	return s.runs(ctx, query, since.UnixMicro(), until.UnixMicro())
}

// Last returns the last count runs of a probe that ended not after until, oldest first. The results have no attempts.
func (s *Store) Last(ctx context.Context, name string, count int, until time.Time) ([]*probe.Result, error) {
	var list []*probe.Result
	const query = `FROM runs WHERE probe = ? AND ended <= ? ORDER BY ended DESC LIMIT ?`
	for r, err := range s.runs(ctx, query, name, until.UnixMicro(), count) {
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	slices.Reverse(list)
	return list, nil
}

// runs yields the runs that a query from FROM on selects.
func (s *Store) runs(ctx context.Context, from string, arguments ...any) iter.Seq2[*probe.Result, error] {
	return func(yield func(*probe.Result, error) bool) {
		columns, err := s.runColumns(ctx)
		if err != nil {
			yield(nil, fmt.Errorf("read the columns of runs: %w", err))
			return
		}
		rows, err := s.db.QueryContext(ctx, "SELECT "+columns+" "+from, arguments...) //nolint:gosec // constants
		if err != nil {
			yield(nil, fmt.Errorf("read runs: %w", err))
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			r, err := scanRun(rows)
			if !yield(r, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, fmt.Errorf("read runs: %w", err))
		}
	}
}

// scanRun reads the columns of a run, and what follows them into more.
func scanRun(rows *sql.Rows, more ...any) (*probe.Result, error) {
	r := &probe.Result{}
	var intended, started, ended int64
	var class string
	var trace, span []byte
	var evidence sql.NullString
	err := rows.Scan(append([]any{
		&r.Probe, &r.Credential, &intended, &started, &ended, &class, &r.Code, &r.Expected, &r.Breach, &r.Blame,
		&r.Reason, &r.Excerpt, &trace, &span, &evidence, &r.Advice,
	}, more...)...)
	if err == nil {
		err = r.Class.UnmarshalText([]byte(class))
	}
	if err == nil {
		r.Evidence, err = readEvidence(evidence)
	}
	if err != nil {
		return nil, fmt.Errorf("read a run: %w", err)
	}
	r.Intended, r.Start, r.End = time.UnixMicro(intended).UTC(), time.UnixMicro(started).UTC(), time.UnixMicro(ended).UTC()
	copy(r.Trace[:], trace)
	copy(r.Span[:], span)
	return r, nil
}

// LastWatched returns when an earlier process last wrote; zero if none did.
func (s *Store) LastWatched(ctx context.Context) (time.Time, error) {
	var seen sql.NullInt64
	if err := s.db.QueryRowContext(ctx, `SELECT max(seen) FROM watches`).Scan(&seen); err != nil {
		return time.Time{}, fmt.Errorf("read when squarewatch last ran: %w", err)
	}
	if !seen.Valid {
		return time.Time{}, nil
	}
	return time.UnixMicro(seen.Int64).UTC(), nil
}

// Gap is a time in which squarewatch did not run.
type Gap struct{ From, Until time.Time }

// Gaps returns when squarewatch did not run between two times, according to what earlier processes wrote.
func (s *Store) Gaps(ctx context.Context, since, until time.Time) ([]Gap, error) {
	const query = `SELECT started, seen FROM watches WHERE seen > ? AND started <= ? ORDER BY started`
	rows, err := s.db.QueryContext(ctx, query, since.UnixMicro(), until.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("read when squarewatch ran: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var gaps []Gap
	last := time.Time{}
	for rows.Next() {
		var started, seen int64
		if err := rows.Scan(&started, &seen); err != nil {
			return nil, fmt.Errorf("read when squarewatch ran: %w", err)
		}
		if begin := time.UnixMicro(started).UTC(); !last.IsZero() && begin.After(last) {
			gaps = append(gaps, Gap{last, begin})
		}
		last = time.UnixMicro(seen).UTC()
	}
	return gaps, rows.Err()
}
