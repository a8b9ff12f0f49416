package spool

import (
	"context"
	"errors"
	"fmt"

	"squarewatch/otel/otlperr"
)

// Add writes a batch to disk and returns. The batch is a request of [encoded.Origin] with a number of spans. Add does not wait for the
// network, and does not fail when the collector is down. A batch that fits neither on disk nor in memory is dropped and counted. Add
// returns an error only after Stop.
func (c *Client) Add(ctx context.Context, request []byte, spans int) error {
	file, err := encode(request, spans)
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	switch {
	case c.stopped:
		c.drop(int64(spans), errStopped)
		return errStopped
	case err != nil:
		c.dropUnstorableLocked(ctx, int64(spans), err)
		return nil
	}
	c.sequence++
	c.storeLocked(ctx, batch{entry: entry{sequence: c.sequence, spans: int64(spans), size: int64(len(file))}, file: file})
	c.batchAdded.Send()
	return nil
}

// storeLocked writes a batch to disk, or keeps it in memory if the disk refuses it. Batches that are in memory already are written
// first, so that all batches on disk are older than those in memory. The caller holds writeMu.
func (c *Client) storeLocked(ctx context.Context, b batch) {
	if b.size > c.diskLimit {
		err := fmt.Errorf("a batch of %d bytes is larger than the whole spool, %d", b.size, c.diskLimit)
		c.dropUnstorableLocked(ctx, b.spans, err)
		return
	}
	if c.writeMemoryLocked(ctx) && c.writeLocked(ctx, b) {
		c.withQueue(func(q *queue) { q.addOnDisk(b.entry) })
		return
	}
	evicted := 0
	c.withQueue(func(q *queue) {
		q.addInMemory(b)
		evicted = q.evictMemory(c.memoryLimit, errMemory)
	})
	if evicted > 0 && c.firstDrop() {
		c.logger.ErrorContext(ctx, "spans are dropped, oldest first: the disk refuses them, and the memory for them is full",
			"limit", c.memoryLimit, "fix", diskFix)
	}
}

// writeMemoryLocked writes the batches in memory to disk, oldest first. It reports whether no batch is left in memory. The caller holds
// writeMu.
func (c *Client) writeMemoryLocked(ctx context.Context) bool {
	for {
		var first batch
		c.withQueue(func(q *queue) {
			if len(q.inMemory) > 0 {
				first = q.inMemory[0]
			}
		})
		if first.sequence == 0 {
			return true
		}
		if !c.writeLocked(ctx, first) {
			return false
		}
		moved := false
		c.withQueue(func(q *queue) { moved = q.moveToDisk(first.entry) })
		if !moved { // the batch was sent from memory while it was written
			c.removeFile(ctx, first.sequence)
		}
	}
}

// writeLocked makes room for one batch and writes it. It reports whether the batch is on disk. The caller holds writeMu.
func (c *Client) writeLocked(ctx context.Context, b batch) bool {
	if _ = c.openLocked(ctx); !c.opened { // it has logged why
		return false
	}
	c.makeRoom(ctx, b.size)
	err := c.disk.write(b.sequence, b.file)
	c.recordDiskLocked(ctx, err)
	return err == nil
}

// recordDiskLocked logs when the disk begins to refuse spans, and when it accepts them again. The caller holds writeMu.
func (c *Client) recordDiskLocked(ctx context.Context, err error) {
	if refused := err != nil; refused != c.diskRefuses {
		c.diskRefuses = refused
		c.logDisk(ctx, err)
	}
}

// makeRoom drops the oldest batches until a batch of the given size fits on disk.
func (c *Client) makeRoom(ctx context.Context, size int64) {
	var removed []entry
	c.withQueue(func(q *queue) { removed = q.evictDisk(size, c.diskLimit, errFull) })
	for _, e := range removed {
		c.removeFile(ctx, e.sequence)
	}
	if len(removed) > 0 && c.firstDrop() {
		c.logger.ErrorContext(ctx, "spans are dropped, oldest first: the spool is full", "limit", c.diskLimit,
			"fix", "start the collector, or raise telemetry.spool")
	}
}

// removeFile deletes the file of a batch that no longer waits. If that fails, the batch is sent again after the next start.
func (c *Client) removeFile(ctx context.Context, sequence uint64) {
	if err := c.disk.remove(sequence); err != nil {
		c.logger.WarnContext(ctx, "a file of spans cannot be deleted, so its spans are sent again after the next start",
			"error", otlperr.Short(err))
	}
}

func (c *Client) setAside(ctx context.Context, e entry, reason error) {
	file, err := c.disk.setAside(e.sequence)
	c.logger.ErrorContext(ctx, "a damaged file of spans is set aside and not sent; other spans are not affected",
		"file", file, "spans", e.spans, "error", otlperr.Short(errors.Join(reason, err)),
		"fix", "delete the file; if this happens again, check the disk")
}

// diskFix says what to do about a disk that refuses spans.
const diskFix = "free space in the directory of the spool, and make sure that it can be written to"

func (c *Client) logDisk(ctx context.Context, err error) {
	if err == nil {
		c.logger.InfoContext(ctx, "the disk accepts spans again")
		return
	}
	c.logger.ErrorContext(ctx, "the disk refuses spans; they wait in memory, and a restart loses them",
		"error", otlperr.Short(err), "fix", diskFix)
}

// firstDrop reports whether spans are dropped for lack of room for the first time since the queue was empty. Only that drop is logged.
func (c *Client) firstDrop() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := !c.dropping
	c.dropping = true
	return first
}

// dropUnstorableLocked drops a batch that can never be stored. The caller holds writeMu.
func (c *Client) dropUnstorableLocked(ctx context.Context, spans int64, reason error) {
	c.drop(spans, reason)
	c.unstorable.Do(func() {
		c.logger.ErrorContext(ctx, "a batch of spans cannot be stored and is dropped", "spans", spans, "error", otlperr.Short(reason),
			"fix", "raise telemetry.spool if the batch is too large; otherwise report this as a bug")
	})
}
