package spool

import (
	"context"
	"fmt"
)

// Flush tries at once to send, and returns when everything that waited at the call has been sent. If ctx ends first, it returns why the
// last upload failed. If spans were dropped meanwhile, it returns why.
func (c *Client) Flush(ctx context.Context) error {
	c.mu.Lock()
	target, dropped := c.queue.newest(), c.queue.dropped
	c.mu.Unlock()
	c.retryNow.Send()
	for {
		changed, done, err := c.flushed(target, dropped)
		if done {
			return err
		}
		select {
		case <-changed:
		case <-c.ended:
			return c.unsentError(errStopped)
		case <-ctx.Done():
			return c.unsentError(context.Cause(ctx))
		}
	}
}

// flushed reports whether all batches up to the target have left the queue. If not, it returns a channel that is closed at the next
// change of the queue.
func (c *Client) flushed(target uint64, dropped int64) (changed <-chan struct{}, done bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if oldest, waits := c.queue.oldest(); waits && oldest <= target {
		if c.queueChanged == nil {
			c.queueChanged = make(chan struct{})
		}
		return c.queueChanged, false, nil
	}
	if lost := c.queue.dropped - dropped; lost > 0 {
		return nil, true, fmt.Errorf("%d spans were dropped: %w", lost, c.queue.dropReason)
	}
	return nil, true, nil
}

func (c *Client) unsentError(cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		cause = c.failure
	}
	return fmt.Errorf("%d batches of spans still wait: %w", c.queue.length(), cause)
}
