package history

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"squarewatch/probe"
)

const (
	// every is the time between two batches: what a process that is killed may lose. It is short so that a batch is small, for
	// while it is written a processor is not there for probing.
	every = 200 * time.Millisecond
	// heartbeat is the time between two batches that say nothing but that somebody watches.
	heartbeat = 10 * time.Second
	// afterFault is the time to the next batch after one that was not written.
	afterFault = 10 * time.Second
	// mostWaiting bounds what waits for a disk that is slow or fails: a minute at 1,000 runs a second.
	mostWaiting = 60_000
	// patience bounds one batch.
	patience = 30 * time.Second
	// forgetEvery is how often what is too old is deleted.
	forgetEvery = time.Hour
)

// Status is how writing goes, for metrics and people.
type Status struct {
	Dropped int64 // runs and misses that were lost, since the start
	Fault   error // of the last batch; nil when it was written
}

// Writer is the sink that keeps results. It never makes probing wait.
type Writer struct {
	store   *Store
	keep    Retention
	logger  *slog.Logger
	room    int
	wake    chan struct{} // something came
	started time.Time
	written time.Time // when the last batch was

	mu      sync.Mutex
	results []*probe.Result
	misses  []probe.Miss
	status  Status
}

var _ probe.Sink = (*Writer)(nil)

// WriterOptions settle a Writer.
type WriterOptions struct {
	Retention Retention
	Logger    *slog.Logger
	Room      int // results, and as many misses, that may wait for the disk; 60,000 when zero
}

// NewWriter returns a writer into a store. Nothing is written before Run.
func NewWriter(store *Store, options WriterOptions) *Writer {
	return &Writer{store: store, keep: options.Retention, logger: options.Logger, room: cmp.Or(options.Room, mostWaiting), wake: make(chan struct{}, 1)}
}

// Finished takes the result of a run.
func (w *Writer) Finished(r *probe.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.results) >= w.room {
		w.status.Dropped++
		return
	}
	w.results = append(w.results, r)
	w.nudge()
}

// nudge tells Run that something came.
func (w *Writer) nudge() {
	select {
	case w.wake <- struct{}{}:
	default: // it knows
	}
}

// Missed takes runs that were not started.
func (w *Writer) Missed(m probe.Miss) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.misses) >= w.room {
		w.status.Dropped++
		return
	}
	w.misses = append(w.misses, m)
	w.nudge()
}

// Status returns how writing goes.
func (w *Writer) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

// Keep sets for how long history is kept from now on.
func (w *Writer) Keep(keep Retention) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keep = keep
}

// Run writes what has come, at most five times a second, until ctx ends, and then what is left.
func (w *Writer) Run(ctx context.Context) {
	w.started = time.Now()
	forgotten := w.started
	for w.await(ctx) {
		w.flush(ctx, false)
		if now := time.Now(); now.Sub(forgotten) >= forgetEvery {
			forgotten = now
			w.forget(ctx, now)
		}
	}
	w.flush(ctx, true)
}

// await waits until a batch is due: a moment after something came, so that others come along, or when nothing has been
// written for a while; false when ctx ended.
func (w *Writer) await(ctx context.Context) bool {
	if w.written.IsZero() { // that somebody watches is known at once
		return ctx.Err() == nil
	}
	quiet := time.NewTimer(heartbeat)
	defer quiet.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-quiet.C:
		return true
	case <-w.wake:
	}
	batch := time.NewTimer(every)
	defer batch.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-batch.C:
		return true
	}
}

func (w *Writer) forget(ctx context.Context, now time.Time) {
	w.mu.Lock()
	keep := w.keep
	w.mu.Unlock()
	if err := w.store.Forget(ctx, keep, now); err != nil && ctx.Err() == nil {
		w.logger.WarnContext(ctx, "old history is not deleted; it is tried again in an hour", "error", err)
	}
}

// flush writes what has come since the last batch. What a failing disk does not take is kept for the next one, as far as
// there is room.
func (w *Writer) flush(ctx context.Context, last bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	now := time.Now()
	pause := now.Sub(w.written)
	if last {
		pause = heartbeat
	}
	results, misses, due := w.take(pause)
	if !due {
		return
	}
	w.written = now
	err := w.store.write(ctx, results, misses, w.started, now)
	w.mu.Lock()
	before := w.status.Fault
	w.status.Fault = err
	if err != nil {
		w.restore(results, misses)
	}
	w.mu.Unlock()
	switch {
	case err != nil && before == nil:
		w.logger.ErrorContext(ctx, "history is not written; probing and alerting go on without it", "error", err,
			"fix", "make room in state_dir, or make it writable")
	case err == nil && before != nil:
		w.logger.InfoContext(ctx, "history is written again")
	}
}

// take returns what is to be written; false when it can wait: for a disk that failed a moment ago, or because there is nothing.
func (w *Writer) take(pause time.Duration) (results []*probe.Result, misses []probe.Miss, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status.Fault != nil && pause < afterFault {
		return nil, nil, false
	}
	results, misses = w.results, w.misses
	w.results, w.misses = nil, nil
	return results, misses, len(results)+len(misses) > 0 || pause >= heartbeat
}

// restore puts back what was not written. The newest is dropped when there is no room: what was seen first is rarer. The
// lock is held.
func (w *Writer) restore(results []*probe.Result, misses []probe.Miss) {
	w.results, w.misses = append(results, w.results...), append(misses, w.misses...)
	if over := len(w.results) - w.room; over > 0 {
		w.results = w.results[:w.room]
		w.status.Dropped += int64(over)
	}
	if over := len(w.misses) - w.room; over > 0 {
		w.misses = w.misses[:w.room]
		w.status.Dropped += int64(over)
	}
}

// rollupKey is what runs of one roll-up have in common.
type rollupKey struct {
	minute            int64
	probe, credential string
	class             probe.Class
	code              int
	expected          bool
	blame             probe.Blame
}

type rollupSum struct{ runs, latency, slowest int64 }

// write writes a batch in one transaction.
func (s *Store) write(ctx context.Context, results []*probe.Result, misses []probe.Miss, started, now time.Time) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin to write history: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if _, err := tx.ExecContext(ctx, `INSERT INTO watches (started, seen) VALUES (?, ?) ON CONFLICT (started) DO UPDATE SET seen = excluded.seen`,
		started.UnixMicro(), now.UnixMicro()); err != nil {
		return fmt.Errorf("write that somebody watches: %w", err)
	}
	if err := cmp.Or(writeRuns(ctx, tx, results), writeRollups(ctx, tx, results), writeMisses(ctx, tx, misses)); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

func writeRuns(ctx context.Context, tx *sql.Tx, results []*probe.Result) error {
	if len(results) == 0 {
		return nil
	}
	insert, err := tx.PrepareContext(ctx, `INSERT INTO runs (ended, probe, credential, intended, started, latency, attempts, class, code, expected, breach, blame, reason, excerpt, trace, span)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return fmt.Errorf("write runs: %w", err)
	}
	defer func() { _ = insert.Close() }()
	for _, r := range results {
		if _, err := insert.ExecContext(ctx, r.End.UnixMicro(), r.Probe, r.Credential, r.Intended.UnixMicro(), r.Start.UnixMicro(),
			r.Latency().Microseconds(), len(r.Attempts), r.Class.String(), r.Code, r.Expected, r.Breach, string(r.Blame), r.Reason, r.Excerpt,
			r.Trace[:], r.Span[:]); err != nil {
			return fmt.Errorf("write a run of %s: %w", r.Probe, err)
		}
	}
	return nil
}

func writeRollups(ctx context.Context, tx *sql.Tx, results []*probe.Result) error {
	if len(results) == 0 {
		return nil
	}
	sums := map[rollupKey]rollupSum{}
	for _, r := range results {
		key := rollupKey{r.End.Truncate(time.Minute).UnixMicro(), r.Probe, r.Credential, r.Class, r.Code, r.Expected, r.Blame}
		took := r.Latency().Microseconds()
		sum := sums[key]
		sums[key] = rollupSum{sum.runs + 1, sum.latency + took, max(sum.slowest, took)}
	}
	upsert, err := tx.PrepareContext(ctx, `INSERT INTO rollups (minute, probe, credential, class, code, expected, blame, runs, latency, slowest)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
		runs = runs + excluded.runs, latency = latency + excluded.latency, slowest = max(slowest, excluded.slowest)`)
	if err != nil {
		return fmt.Errorf("write roll-ups: %w", err)
	}
	defer func() { _ = upsert.Close() }()
	for key, sum := range sums {
		if _, err := upsert.ExecContext(ctx, key.minute, key.probe, key.credential, key.class.String(), key.code, key.expected, string(key.blame),
			sum.runs, sum.latency, sum.slowest); err != nil {
			return fmt.Errorf("write a roll-up of %s: %w", key.probe, err)
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
