package history

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"squarewatch/probe"
)

// run is a run to write, perhaps with its detail.
type run struct {
	*probe.Result

	detailed bool
}

// batch is what one transaction writes.
type batch struct {
	results []run
	details []*detail // of healthy runs of earlier batches, to be kept because an unexpected run followed
	misses  []probe.Miss
	reloads []time.Time
}

// empty reports whether there is nothing to write.
func (b *batch) empty() bool { return len(b.results)+len(b.misses)+len(b.reloads) == 0 }

// nextBatch returns what to write; false when the disk has just failed, or when there is nothing to write and no heartbeat due.
func (w *Writer) nextBatch(pause time.Duration) (b batch, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status.Fault != nil && pause < retryDelay {
		return batch{}, false
	}
	b, w.waiting = w.waiting, batch{}
	return b, !b.empty() || pause >= heartbeat
}

// restoreLocked puts back what was not written. Without room it drops the newest: the beginning of an outage is worth more than
// its continuation.
func (w *Writer) restoreLocked(b batch) {
	var over int
	w.waiting.results, over = rejoined(b.results, w.waiting.results, w.room)
	w.status.Dropped += int64(over)
	w.waiting.misses, over = rejoined(b.misses, w.waiting.misses, w.room)
	w.status.Dropped += int64(over)
	w.waiting.details, _ = rejoined(b.details, w.waiting.details, w.room)
	w.waiting.reloads, _ = rejoined(b.reloads, w.waiting.reloads, w.room)
}

// rejoined returns the first room elements of two lists together, and how many it dropped.
func rejoined[T any](older, newer []T, room int) (list []T, over int) {
	list = append(older, newer...) //nolint:gocritic // the older list is not used again
	over = max(len(list)-room, 0)
	return list[:len(list)-over], over
}

// write writes a batch in one transaction.
func (s *Store) write(ctx context.Context, b batch, started, now time.Time) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a transaction of the history: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	if _, err := tx.ExecContext(ctx, `INSERT INTO watches (started, seen) VALUES (?, ?)
		ON CONFLICT (started) DO UPDATE SET seen = excluded.seen`,
		started.UnixMicro(), now.UnixMicro()); err != nil {
		return fmt.Errorf("write that squarewatch runs: %w", err)
	}
	if err := s.writeAll(context.WithoutCancel(ctx), tx, b); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

// writeAll writes a batch. Its ctx must never end: for a context that can end, the driver starts a goroutine for each statement, which
// costs as much as writing a row. When the context of the transaction ends, database/sql rolls it back, and the next statement fails.
func (s *Store) writeAll(ctx context.Context, tx *sql.Tx, b batch) error {
	if s.postgres != nil {
		return s.postgres.writeAll(ctx, tx, b)
	}
	if err := writeRuns(ctx, tx.StmtContext(ctx, s.writing.run), b.results); err != nil {
		return err
	}
	if err := addDetails(ctx, tx, b.details); err != nil {
		return err
	}
	if err := writeSums(ctx, tx.StmtContext(ctx, s.writing.minute), sumsOf(b.results, time.Minute)); err != nil {
		return err
	}
	if err := writeSums(ctx, tx.StmtContext(ctx, s.writing.hour), sumsOf(b.results, time.Hour)); err != nil {
		return err
	}
	if err := writeReloads(ctx, tx, b.reloads); err != nil {
		return err
	}
	return writeMisses(ctx, tx, b.misses)
}

// writeRuns writes runs with a statement of the transaction.
func writeRuns(ctx context.Context, insert *sql.Stmt, results []run) error {
	for _, r := range results {
		evidence, err := evidenceText(r.Evidence)
		var detail sql.NullString
		if err == nil && r.detailed {
			detail, err = detailOf(r.Result).text()
		}
		if err != nil {
			return fmt.Errorf("write a run of %s: %w", r.Probe, err)
		}
		if _, err := insert.ExecContext(ctx, r.End.UnixMicro(), r.Probe, r.Credential, r.Intended.UnixMicro(), r.Start.UnixMicro(),
			r.Latency().Microseconds(), len(r.Attempts), r.Class.String(), r.Code, r.Expected, r.Breach, string(r.Blame), r.Reason, r.Excerpt,
			r.Trace[:], r.Span[:], evidence, r.Advice, detail); err != nil {
			return fmt.Errorf("write a run of %s: %w", r.Probe, err)
		}
	}
	return nil
}

func writeMisses(ctx context.Context, tx *sql.Tx, misses []probe.Miss) error {
	for _, m := range misses {
		if _, err := tx.ExecContext(ctx, `INSERT INTO misses (intended, probe, reason, runs) VALUES (?, ?, ?, ?)`,
			m.Intended.UnixMicro(), m.Probe, string(m.Reason), m.Count); err != nil {
			return fmt.Errorf("write a miss of %s: %w", m.Probe, err)
		}
	}
	return nil
}
