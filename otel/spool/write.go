package spool

import (
	"context"
	"errors"
	"fmt"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// UploadTraces writes a batch to disk and returns: it waits for no network, and a collector that is away is no error. What
// can be kept neither on disk nor in memory is dropped and counted. Only after Stop there is an error.
func (c *Client) UploadTraces(ctx context.Context, batch []*tracepb.ResourceSpans) error {
	spans := count(batch)
	if spans == 0 {
		return nil
	}
	file, err := encode(batch, spans)
	c.writing.Lock()
	defer c.writing.Unlock()
	switch {
	case c.stopped:
		c.lose(int64(spans), errStopped)
		return errStopped
	case err != nil:
		c.misfit(ctx, int64(spans), err)
		return nil
	}
	c.sequence++
	c.accept(ctx, held{entry{sequence: c.sequence, spans: int64(spans), size: int64(len(file))}, file})
	raise(c.arrival)
	return nil
}

// accept puts a batch on disk, or into memory when the disk refuses it. What is held goes to disk before it, so that all
// that is on disk is older than all that is held.
func (c *Client) accept(ctx context.Context, batch held) {
	if batch.size > c.limit {
		c.misfit(ctx, batch.spans, fmt.Errorf("a batch of %d bytes is larger than the whole spool, %d", batch.size, c.limit))
		return
	}
	if c.settle(ctx) && c.save(ctx, batch) {
		c.locked(func(q *queue) { q.store(batch.entry) })
		return
	}
	pushed := 0
	c.locked(func(q *queue) {
		q.hold(batch)
		pushed = q.pushHeld(c.memory, errMemory)
	})
	if pushed > 0 && c.newlyCrowded() {
		c.logger.ErrorContext(ctx, "spans are dropped, oldest first: the disk refuses them, and no more may wait in memory", "limit", c.memory,
			"fix", "free space in the directory of the spool, and see that it can be written to")
	}
}

// settle writes what is held to disk, oldest first, and reports whether nothing is held any more.
func (c *Client) settle(ctx context.Context) bool {
	for {
		var first held
		c.locked(func(q *queue) {
			if len(q.held) > 0 {
				first = q.held[0]
			}
		})
		if first.sequence == 0 {
			return true
		}
		if !c.save(ctx, first) {
			return false
		}
		moved := false
		c.locked(func(q *queue) { moved = q.moved(first.entry) })
		if !moved { // it was sent while it was written
			c.remove(ctx, first.sequence)
		}
	}
}

// save writes one batch, after it has made room for it.
func (c *Client) save(ctx context.Context, batch held) bool {
	c.makeRoom(ctx, batch.size)
	err := c.directory.write(batch.sequence, batch.file)
	if before := c.refusing; before != (err != nil) {
		c.refusing = err != nil
		c.sayDisk(ctx, err)
	}
	return err == nil
}

// makeRoom drops the oldest batches until one of size bytes fits.
func (c *Client) makeRoom(ctx context.Context, size int64) {
	var pushed []entry
	c.locked(func(q *queue) { pushed = q.pushStored(size, c.limit, errFull) })
	for _, e := range pushed {
		c.remove(ctx, e.sequence)
	}
	if len(pushed) > 0 && c.newlyCrowded() {
		c.logger.ErrorContext(ctx, "spans are dropped, oldest first: the spool is full", "limit", c.limit,
			"fix", "start the collector, or give the spool more room")
	}
}

// remove deletes the file of a batch that is not waiting any more. If that fails, the batch is sent again after the next start.
func (c *Client) remove(ctx context.Context, sequence uint64) {
	if err := c.directory.remove(sequence, suffixBatch); err != nil {
		c.logger.WarnContext(ctx, "spans that were sent or dropped stay on disk, and are sent again after the next start", "error", Short(err))
	}
}

func (c *Client) setAside(ctx context.Context, e entry, reason error) {
	file, err := c.directory.setAside(e.sequence)
	c.logger.ErrorContext(ctx, "a damaged file of spans is set aside and not sent; all others are", "file", file, "spans", e.spans,
		"error", Short(errors.Join(reason, err)), "fix", "nothing reads the file again: remove it; if there are more, look after the disk")
}

func (c *Client) sayDisk(ctx context.Context, err error) {
	if err == nil {
		c.logger.InfoContext(ctx, "the disk takes spans again")
		return
	}
	c.logger.ErrorContext(ctx, "the disk refuses spans; they wait in memory, where a restart loses them", "error", Short(err),
		"fix", "free space in the directory of the spool, and see that it can be written to")
}

// newlyCrowded reports whether it is to be said that spans are dropped for want of room: once until nothing waits any more.
func (c *Client) newlyCrowded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.crowded
	c.crowded = true
	return !before
}

// misfit drops a batch that can never be kept.
func (c *Client) misfit(ctx context.Context, spans int64, reason error) {
	c.lose(spans, reason)
	c.misfits.Do(func() {
		c.logger.ErrorContext(ctx, "a batch of spans cannot be kept and is dropped", "spans", spans, "error", Short(reason),
			"fix", "give the spool more room if that is why; otherwise report it as a fault of the program")
	})
}
