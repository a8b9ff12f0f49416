package main

import (
	"context"
	"time"
)

// flushTimeout bounds each step of a stop that uses the network. With the 5 s for runs, a stop takes at most 10 s.
const flushTimeout = 2 * time.Second

// deliveryTime is how long messages are still delivered after a stop was requested. The rest of the 10 s is for the spans.
const deliveryTime = 7500 * time.Millisecond

// recordStop records when the stop was requested. Only the first call counts.
func (d *Daemon) recordStop() { d.stopping.CompareAndSwap(nil, new(time.Now())) }

// deliveryGrace returns how long messages may still be delivered when all runs have ended. A delivery that is cut off is repeated at the
// next start, and people may get the message twice.
func (d *Daemon) deliveryGrace() time.Duration {
	requested := d.stopping.Load()
	if requested == nil {
		return flushTimeout
	}
	return max(deliveryTime-time.Since(*requested), flushTimeout)
}

// flush runs a step of a stop within flushTimeout. It keeps ctx's values but not its cancellation.
func flush(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	return step(ctx)
}

// logUndelivered logs how many messages were not delivered, and whether the next start delivers them.
func (d *Daemon) logUndelivered(ctx context.Context) {
	for _, b := range d.outbox.Status() {
		switch {
		case b.Pending == 0:
		case d.state.store() == nil || d.outbox.Fault() != nil:
			d.options.Logger.WarnContext(ctx, "undelivered messages are lost", "notifier", b.Notifier, "messages", b.Pending)
		default:
			d.options.Logger.InfoContext(ctx, "undelivered messages are kept for the next start", "notifier", b.Notifier, "messages", b.Pending)
		}
	}
}
