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
	// batchInterval is the time between two batches, and so what a killed process may lose. It is short to keep a batch small,
	// because writing one occupies a processor that probing needs.
	batchInterval = 200 * time.Millisecond
	// heartbeat is the time between two batches without results. They record only that squarewatch runs.
	heartbeat = 10 * time.Second
	// retryDelay is the time to the next batch after a failed one.
	retryDelay = 10 * time.Second
	// defaultRoom limits what waits for a slow or failing disk: one minute at 1,000 runs a second.
	defaultRoom = 60_000
	// writeTimeout limits the time for one batch.
	writeTimeout = 30 * time.Second
	// forgetInterval is the time between two deletions of old history.
	forgetInterval = time.Hour
)

// Status is the state of a Writer, for metrics and people.
type Status struct {
	Dropped int64     // runs and misses that were lost since the start
	Fault   error     // of the last batch; nil when it succeeded
	Written time.Time // when the last batch succeeded, or failed with Fault; zero before the first
}

// Writer is the sink that stores results. It never blocks probing.
type Writer struct {
	store   *Store
	keep    Retention
	logger  *slog.Logger
	room    int
	wake    chan struct{} // there is something to write
	started time.Time
	written time.Time // time of the last batch

	mu      sync.Mutex
	results []*probe.Result
	misses  []probe.Miss
	status  Status
}

var _ probe.Sink = (*Writer)(nil)

// WriterOptions are the options of a Writer.
type WriterOptions struct {
	Retention Retention
	Logger    *slog.Logger
	Room      int // how many results, and how many misses, may wait for the disk; 60,000 when zero
}

// NewWriter returns a writer into a store. It writes nothing before Run.
func NewWriter(store *Store, options WriterOptions) *Writer {
	return &Writer{
		store: store, keep: options.Retention, logger: options.Logger,
		room: cmp.Or(options.Room, defaultRoom), wake: make(chan struct{}, 1),
	}
}

// Finished stores the result of a run. Without room it drops the result and counts it.
func (w *Writer) Finished(r *probe.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.results) >= w.room {
		w.status.Dropped++
		return
	}
	w.results = append(w.results, r)
	w.wakeUp()
}

// wakeUp wakes Run. It never blocks.
func (w *Writer) wakeUp() {
	select {
	case w.wake <- struct{}{}:
	default: // a wake-up is already pending
	}
}

// Missed stores runs that were not started. Without room it drops them and counts them.
func (w *Writer) Missed(m probe.Miss) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.misses) >= w.room {
		w.status.Dropped++
		return
	}
	w.misses = append(w.misses, m)
	w.wakeUp()
}

// Status returns the state of the writer.
func (w *Writer) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

// Keep changes how long history is kept.
func (w *Writer) Keep(keep Retention) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keep = keep
}

// Run writes batches, at most five a second, until ctx ends. It then writes a last batch with the rest.
func (w *Writer) Run(ctx context.Context) {
	w.started = time.Now()
	forgotten := w.started
	for w.await(ctx) {
		w.flush(ctx, false)
		if now := time.Now(); now.Sub(forgotten) >= forgetInterval {
			forgotten = now
			w.forget(ctx, now)
		}
	}
	w.flush(ctx, true)
}

// await waits until a batch is due. That is one interval after the first result arrived, so that a batch has several, or one
// heartbeat after the last batch. It returns false when ctx ends.
func (w *Writer) await(ctx context.Context) bool {
	if w.written.IsZero() { // the first batch records the start immediately
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
	batch := time.NewTimer(batchInterval)
	defer batch.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-batch.C:
		return true
	}
}

// forget deletes old history.
func (w *Writer) forget(ctx context.Context, now time.Time) {
	w.mu.Lock()
	keep := w.keep
	w.mu.Unlock()
	if err := w.store.Forget(ctx, keep, now); err != nil && ctx.Err() == nil {
		w.logger.WarnContext(ctx, "cannot delete old history; trying again in an hour", "error", err)
	}
}

// flush writes everything since the last batch. After a failure it keeps the data for the next batch, as far as there is room.
func (w *Writer) flush(ctx context.Context, last bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	now := time.Now()
	pause := now.Sub(w.written)
	if last {
		pause = heartbeat
	}
	results, misses, due := w.nextBatch(pause)
	if !due {
		return
	}
	w.written = now
	err := w.store.write(ctx, results, misses, w.started, now)
	w.mu.Lock()
	before := w.status.Fault
	w.status.Fault, w.status.Written = err, time.Now()
	if err != nil {
		w.restoreLocked(results, misses)
	}
	w.mu.Unlock()
	switch {
	case err != nil && before == nil:
		w.logger.ErrorContext(ctx, "cannot write history; probing and alerting continue without it", "error", err,
			"fix", "free space in state_dir, or make it writable")
	case err == nil && before != nil:
		w.logger.InfoContext(ctx, "history is written again")
	}
}

// nextBatch returns what to write; false when the disk has just failed, or when there is nothing to write and no heartbeat due.
func (w *Writer) nextBatch(pause time.Duration) (results []*probe.Result, misses []probe.Miss, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status.Fault != nil && pause < retryDelay {
		return nil, nil, false
	}
	results, misses = w.results, w.misses
	w.results, w.misses = nil, nil
	return results, misses, len(results)+len(misses) > 0 || pause >= heartbeat
}

// restoreLocked puts back what was not written. Without room it drops the newest: the beginning of an outage is worth more than
// its continuation.
func (w *Writer) restoreLocked(results []*probe.Result, misses []probe.Miss) {
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

// rollupKey is what the runs of one roll-up have in common.
type rollupKey struct {
	minute            int64
	probe, credential string
	class             probe.Class
	code              int
	expected          bool
	blame             probe.Blame
}

// rollupSum is what a roll-up counts. Latencies are in microseconds.
type rollupSum struct{ runs, latency, slowest int64 }

// write writes a batch in one transaction.
func (s *Store) write(ctx context.Context, results []*probe.Result, misses []probe.Miss, started, now time.Time) error {
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
	if err := writeRuns(ctx, tx, results); err != nil {
		return err
	}
	if err := writeRollups(ctx, tx, results); err != nil {
		return err
	}
	if err := writeMisses(ctx, tx, misses); err != nil {
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
	insert, err := tx.PrepareContext(ctx, `INSERT INTO runs
		(ended, probe, credential, intended, started, latency, attempts, class, code, expected, breach, blame, reason, excerpt, trace, span)
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
		key := rollupKey{
			minute: r.End.Truncate(time.Minute).UnixMicro(), probe: r.Probe, credential: r.Credential,
			class: r.Class, code: r.Code, expected: r.Expected, blame: r.Blame,
		}
		took := r.Latency().Microseconds()
		sum := sums[key]
		sums[key] = rollupSum{runs: sum.runs + 1, latency: sum.latency + took, slowest: max(sum.slowest, took)}
	}
	upsert, err := tx.PrepareContext(ctx, `INSERT INTO rollups
		(minute, probe, credential, class, code, expected, blame, runs, latency, slowest)
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
