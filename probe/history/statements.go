package history

import (
	"context"
	"database/sql"
	"errors"
)

// statements are those that every batch needs. They are prepared once, because preparing one takes as long as writing ten rows.
type statements struct{ run, minute, hour *sql.Stmt }

const (
	insertRun = `INSERT INTO runs
		(ended, probe, credential, intended, started, latency, attempts, class, code, expected, breach, blame, reason, excerpt, trace, span,
		 evidence, settle, detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''), ?)`
	upsertColumns = `probe, credential, class, code, expected, blame, runs, latency, slowest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET runs = runs + excluded.runs, latency = latency + excluded.latency, slowest = max(slowest, excluded.slowest)`
	upsertMinute = `INSERT INTO rollups (minute, ` + upsertColumns
	upsertHour   = `INSERT INTO hours (hour, ` + upsertColumns
)

// prepare prepares the statements. The database closes them when it is closed.
func (s *statements) prepare(ctx context.Context, db *sql.DB) error {
	var faults [3]error
	s.run, faults[0] = db.PrepareContext(ctx, insertRun)
	s.minute, faults[1] = db.PrepareContext(ctx, upsertMinute)
	s.hour, faults[2] = db.PrepareContext(ctx, upsertHour)
	return errors.Join(faults[:]...)
}
