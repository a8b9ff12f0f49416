package outbox

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"
)

// outcome is what an attempt changed, for the log.
type outcome struct {
	before, after *DeliveryError
	pending       int
}

// finish records the result of an attempt, in memory and in the store.
func (s *sender) finish(ref string, err error, begun, now time.Time) (o outcome) {
	s.commit(func(changes *batch) { o = s.finishLocked(ref, err, begun, now, changes) })
	return o
}

// finishLocked records the result of an attempt. The caller holds mu.
func (s *sender) finishLocked(ref string, err error, begun, now time.Time, changes *batch) outcome {
	group := s.inFlight
	s.inFlight = nil
	s.notBefore = begun.Add(minInterval)
	o := outcome{before: s.failure, after: asDeliveryError(err)}
	switch {
	case err == nil:
	case o.after.Uncertain:
		for i := range group {
			group[i].uncertain = true
		}
	default:
		group = s.withoutWithdrawnLocked(group, changes)
	}
	s.failure = o.after
	switch {
	case err == nil:
		s.delivered = now
		s.backoff.Reset()
		s.recordDeliveredLocked(group, ref, begun, now, changes)
		s.finishReportLocked(nil, now, now, changes)
		return o
	case !s.active: // the destination was removed during the attempt
		s.failure = nil
		s.passOnLocked(group, changes)
		s.finishReportLocked(o.after, now, now, changes)
		return o
	}
	hold := now
	switch {
	case o.after.Permanent:
		hold = now.Add(refusedRetry) // only this message waits: the destination may accept others
	case o.after.RetryAfter > 0:
		s.notBefore = later(s.notBefore, now.Add(o.after.RetryAfter))
	default:
		s.notBefore = later(s.notBefore, now.Add(s.nextBackoff()))
	}
	s.requeueLocked(group, hold, changes)
	s.finishReportLocked(o.after, now, hold, changes)
	o.pending = len(s.queue.entries) + len(s.reports)
	return o
}

// requeueLocked puts back entries that could not be delivered. The caller holds mu.
func (s *sender) requeueLocked(group []entry, hold time.Time, changes *batch) {
	gone, changed := s.queue.putBack(group, hold)
	for _, id := range gone {
		changes.remove(id)
	}
	s.putEntriesLocked(changes, changed...)
}

// passOnLocked removes entries that could not be delivered before their destination was removed. When the notifier has another address
// now, the ends of incidents are queued for it. FIRING and UPDATE are not: the new address has already been notified of what fires. The
// caller holds mu.
func (s *sender) passOnLocked(group []entry, changes *batch) {
	next := s.successor(s.key.notifier)
	for i := range group {
		e := &group[i]
		changes.remove(e.id)
		if next != nil && e.event.Ends() {
			e.uncertain = false
			next.takeOverMessageLocked(e, changes)
			next.wakeUp()
		}
	}
}

// nextBackoff returns how long to wait after a failure: 1 s, doubled each time, plus up to half of it as jitter, 5 minutes at most.
func (s *sender) nextBackoff() time.Duration {
	wait := s.backoff.NextBackOff()
	return min(wait+time.Duration(s.options.Rand()*float64(wait)/2), maxBackoff)
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// asDeliveryError wraps an error that is not a [DeliveryError]. Such an error is a fault of the notifier, and the message is tried again.
func asDeliveryError(err error) *DeliveryError {
	if err == nil {
		return nil
	}
	if failure, ok := errors.AsType[*DeliveryError](err); ok {
		return failure
	}
	return &DeliveryError{Reason: "unknown", Uncertain: true, Err: err}
}

// logOutcome logs when a destination begins to fail, fails for another reason, or works again.
func (s *sender) logOutcome(ctx context.Context, o outcome) {
	logger := s.options.Logger.With("notifier", s.key.notifier)
	switch {
	case o.after == nil && o.before != nil:
		logger.InfoContext(ctx, "messages are delivered again")
	case o.after == nil:
	case o.before != nil && o.before.Reason == o.after.Reason && o.before.Permanent == o.after.Permanent:
	default:
		level := slog.LevelWarn
		if o.after.Permanent {
			level = slog.LevelError
		}
		logger.Log(ctx, level, "cannot deliver a message; it is kept and retried", "reason", o.after.Reason, "error", o.after.Err,
			"fix", cmp.Or(o.after.Fix, "nothing yet; if it lasts, see the error"), "pending", o.pending)
	}
}
