package spool

import (
	"context"
	"fmt"
)

// Flush waits until all that waited when it was called has been sent, and tries at once. When ctx ends first it returns
// why the last try failed; when spans were dropped meanwhile, why.
func (c *Client) Flush(ctx context.Context) error {
	c.mu.Lock()
	target, dropped := c.queue.youngest(), c.queue.dropped
	c.mu.Unlock()
	raise(c.hurry)
	for {
		moved, done, err := c.flushed(target, dropped)
		if done {
			return err
		}
		select {
		case <-moved:
		case <-c.ended:
			return c.unsent(errStopped)
		case <-ctx.Done():
			return c.unsent(context.Cause(ctx))
		}
	}
}

// flushed reports whether nothing waits that is not younger than target, or else returns what ends with the next change.
func (c *Client) flushed(target uint64, dropped int64) (moved <-chan struct{}, done bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if oldest, waits := c.queue.oldest(); waits && oldest <= target {
		if c.moved == nil {
			c.moved = make(chan struct{})
		}
		return c.moved, false, nil
	}
	if lost := c.queue.dropped - dropped; lost > 0 {
		return nil, true, fmt.Errorf("%d spans were dropped: %w", lost, c.queue.loss)
	}
	return nil, true, nil
}

func (c *Client) unsent(ended error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		ended = c.failure
	}
	return fmt.Errorf("%d batches of spans still wait: %w", c.queue.waiting(), ended)
}
