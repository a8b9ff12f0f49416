package history

import (
	"context"
	"time"
)

const (
	// upkeepInterval is how often keepUp checks whether an hour is over.
	upkeepInterval = time.Minute
	// forgetInterval is the time between two deletions of old history.
	forgetInterval = time.Hour
)

// keepUp summarises hours that are over and deletes old history, until ctx ends. On a disk that hangs it waits until the disk answers.
func (w *Writer) keepUp(ctx context.Context) {
	ticker := time.NewTicker(upkeepInterval)
	defer ticker.Stop()
	forgotten := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		if w.summarise(ctx, now); now.Sub(forgotten) >= forgetInterval {
			forgotten = now
			w.forget(ctx, now)
		}
	}
}

// summarise summarises hours that are over. After a failure the next minute tries again, so only the first failure is logged.
func (w *Writer) summarise(ctx context.Context, now time.Time) {
	store := w.attached()
	if store == nil {
		return
	}
	err := store.Summarise(ctx, now)
	if err != nil && !w.unsummarised && ctx.Err() == nil {
		w.logger.WarnContext(ctx, "cannot summarise the latencies of an hour; trying again each minute", "error", err)
	}
	w.unsummarised = err != nil
}

// forget deletes old history.
func (w *Writer) forget(ctx context.Context, now time.Time) {
	w.mu.Lock()
	keep := w.keep
	w.sample.forget(now)
	w.mu.Unlock()
	store := w.attached()
	if store == nil {
		return
	}
	if err := store.Forget(ctx, keep, now); err != nil && ctx.Err() == nil {
		w.logger.WarnContext(ctx, "cannot delete old history; trying again in an hour", "error", err)
	}
}
