package history

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"squarewatch/probe"
	"squarewatch/probe/database"
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
	// writeTimeout limits the time for one batch that waits for the database, not for the disk.
	writeTimeout = 30 * time.Second
	// slowAfter is the time after which a batch without an answer counts as a fault of the disk.
	slowAfter = 5 * time.Second
	// lastTimeout limits the time for the last batch; the process then ends without it.
	lastTimeout = 2 * time.Second
)

// Status is the state of a Writer, for metrics and people.
type Status struct {
	Dropped int64     // runs and misses that were lost since the start
	Fault   error     // of the last batch; nil when it succeeded
	Written time.Time // when the last batch succeeded, or failed with Fault; zero before the first
}

// Writer is the sink that stores results. It never blocks probing.
type Writer struct {
	keep    Retention
	logger  *slog.Logger
	room    int
	wake    chan struct{} // there is something to write
	started time.Time
	written time.Time // time of the last batch

	unsummarised bool // the last attempt to summarise failed; touched by keepUp only

	mu      sync.Mutex
	store   *Store // nil until there is one
	waiting batch
	sample  sample
	status  Status
}

var _ probe.Sink = (*Writer)(nil)

// WriterOptions are the options of a Writer.
type WriterOptions struct {
	Retention Retention
	Logger    *slog.Logger
	Room      int // how many results, and how many misses, may wait for the disk; 60,000 when zero
}

// NewWriter returns a writer into a store. It writes nothing before Run. Without a store it keeps results in memory until Attach, up to the
// room.
func NewWriter(store *Store, options WriterOptions) *Writer {
	return &Writer{
		store: store, keep: options.Retention, logger: options.Logger,
		room: cmp.Or(options.Room, defaultRoom), wake: make(chan struct{}, 1), sample: sample{},
	}
}

// Finished stores the result of a run. Without room it drops the result and counts it.
func (w *Writer) Finished(r *probe.Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting.results) >= w.room {
		w.status.Dropped++
		return
	}
	chosen, before := w.sample.choose(r)
	w.waiting.results = append(w.waiting.results, run{Result: r, detailed: chosen})
	if before != nil {
		w.waiting.details = append(w.waiting.details, before)
	}
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
	if len(w.waiting.misses) >= w.room {
		w.status.Dropped++
		return
	}
	w.waiting.misses = append(w.waiting.misses, m)
	w.wakeUp()
}

// Reloaded stores that another configuration came into force.
func (w *Writer) Reloaded(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting.reloads) < w.room {
		w.waiting.reloads = append(w.waiting.reloads, at)
	}
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

// Attach sets the store of a writer that began without one.
func (w *Writer) Attach(store *Store) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.store, w.status.Fault = store, nil
	w.wakeUp()
}

func (w *Writer) attached() *Store {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.store
}

// Run writes batches, at most five a second, until ctx ends. It then writes the rest in a last batch, and waits for it two seconds at
// most: on a disk that does not answer the rest is lost. While it runs, it also summarises and deletes old history.
func (w *Writer) Run(ctx context.Context) {
	w.started = time.Now()
	upkeep := database.Go(func() error {
		w.keepUp(ctx)
		return nil
	})
	for w.await(ctx) {
		w.flush(ctx, false)
	}
	ended := time.Now()
	w.flush(ctx, true)
	_ = upkeep.Wait(max(lastTimeout-time.Since(ended), 0)) // it has no error; on a disk that does not answer it continues
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

// flush writes everything since the last batch. After a failure it keeps the data for the next batch, as far as there is room.
func (w *Writer) flush(ctx context.Context, last bool) {
	now := time.Now()
	pause := now.Sub(w.written)
	if last {
		pause = heartbeat
	}
	b, due := w.nextBatch(pause)
	if !due {
		return
	}
	w.written = now
	store := w.attached()
	if store == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.restoreLocked(b)
		return
	}
	call := database.Go(func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
		defer cancel()
		return store.write(ctx, b, w.started, now)
	})
	if last {
		w.recordOutcome(ctx, call.Wait(lastTimeout), b)
		return
	}
	err := call.Wait(slowAfter)
	if errors.Is(err, database.ErrNoAnswer) {
		w.recordFault(ctx, err)
		err = w.waitAtStop(ctx, call)
	}
	w.recordOutcome(ctx, err, b)
}

// waitAtStop waits for a call without a limit until ctx ends, and then as long as the last batch may take.
func (w *Writer) waitAtStop(ctx context.Context, call *database.Call) error {
	select {
	case <-call.Done():
		return call.Wait(0)
	case <-ctx.Done():
		return call.Wait(lastTimeout)
	}
}

// recordOutcome records the outcome of a batch, and puts back what was not written. A batch without an answer at the end of the process may
// still be written, so it is not put back.
func (w *Writer) recordOutcome(ctx context.Context, err error, b batch) {
	if err != nil && !errors.Is(err, database.ErrNoAnswer) {
		w.mu.Lock()
		w.restoreLocked(b)
		w.mu.Unlock()
	}
	w.recordFault(ctx, err)
}

// recordFault records whether batches are written, and logs it when that changes.
func (w *Writer) recordFault(ctx context.Context, err error) {
	w.mu.Lock()
	before := w.status.Fault
	w.status.Fault, w.status.Written = err, time.Now()
	w.mu.Unlock()
	switch {
	case err != nil && before == nil:
		w.logger.ErrorContext(ctx, "cannot write history; probing and alerting continue without it", "error", err, "fix", database.Fix(err))
	case err == nil && before != nil:
		w.logger.InfoContext(ctx, "history is written again")
	}
}
