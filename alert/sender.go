package alert

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	pace         = time.Second      // between two messages to one destination
	slowRetry    = 10 * time.Minute // between two attempts of a message that is refused for good
	shortestWait = time.Second      // after the first failure
	longestWait  = 5 * time.Minute  // between failures
	attemptLimit = 30 * time.Second // a notifier that obeys its context ends by then
)

// lane is a destination with what it is owed and its sender. The outbox's mu guards all but what never changes.
type lane struct {
	name    string
	options *OutboxOptions
	wake    chan struct{}

	mu          *sync.Mutex
	active      bool
	destination Destination
	queue       queue
	flying      []entry   // being delivered now
	notBefore   time.Time // the destination is left alone until then
	waits       *backoff.ExponentialBackOff
	failure     *DeliveryError // of the last attempt; nil when it was taken
}

func newLane(name string, options *OutboxOptions, mu *sync.Mutex) *lane {
	// The library's own jitter comes from a global source: it is left out, and added from ours.
	waits := &backoff.ExponentialBackOff{InitialInterval: shortestWait, Multiplier: 2, MaxInterval: longestWait}
	waits.Reset()
	return &lane{name: name, options: options, mu: mu, wake: make(chan struct{}, 1), waits: waits}
}

// open gives the lane its destination. The caller holds mu.
func (l *lane) open(d Destination, now time.Time) {
	l.active, l.destination = true, d
	if l.failure != nil {
		l.waits.Reset()
		l.notBefore = now
		l.queue.release(now)
	}
	l.nudge()
}

// close drops what the lane is owed. The caller holds mu.
func (l *lane) close() {
	if count := len(l.queue.entries); count > 0 {
		l.options.Logger.Warn("messages are dropped, for their notifier was removed from the configuration", "notifier", l.name, "messages", count)
	}
	l.active, l.destination, l.queue, l.failure = false, Destination{}, queue{}, nil
}

func (l *lane) nudge() {
	select {
	case l.wake <- struct{}{}:
	default: // it is awake already
	}
}

// pending is what [Outbox.Pending] returns. The caller holds mu.
func (l *lane) pending() (count int, first time.Time, lastError string) {
	if l.failure != nil {
		lastError = l.failure.Error()
	}
	return len(l.queue.entries) + len(l.flying), earliest(oldest(l.queue.entries), oldest(l.flying)), lastError
}

// run delivers until ctx ends, and then what is left and may be sent until late ends.
func (l *lane) run(ctx, late context.Context) {
	for l.sleep(ctx, l.due) {
		l.deliver(late)
	}
	end := time.Now().Add(l.options.Grace)
	l.mu.Lock()
	l.queue.release(time.Now()) // company can no longer come
	l.mu.Unlock()
	for {
		next, ok := l.due()
		if !ok || next.After(end) || !l.sleep(late, l.due) {
			return
		}
		l.deliver(late)
	}
}

// due returns when the next message may be sent; false when none waits.
func (l *lane) due() (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next, ok := l.queue.next()
	if next.Before(l.notBefore) {
		next = l.notBefore
	}
	return next, ok
}

// sleep waits until something is to be sent; false when ctx ended first.
func (l *lane) sleep(ctx context.Context, due func() (time.Time, bool)) bool {
	for ctx.Err() == nil {
		next, ok := due()
		wait := time.Until(next)
		if ok && wait <= 0 {
			return true
		}
		var alarm <-chan time.Time
		if ok {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			alarm = timer.C
		}
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-alarm:
		}
	}
	return false
}

// deliver makes one attempt with what is due.
func (l *lane) deliver(ctx context.Context) {
	begun := time.Now()
	taken, destination := l.take(begun)
	if len(taken) == 0 { // it was folded or dropped meanwhile
		return
	}
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	_, err := destination.Notifier.Deliver(ctx, message(taken, l.name, begun))
	l.options.Observer.Delivered(l.name, err)
	l.tell(ctx, l.settle(err, begun, time.Now()))
}

func (l *lane) take(now time.Time) ([]entry, Destination) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flying = l.queue.take(now, l.destination.GroupWait)
	return l.flying, l.destination
}

// outcome is what an attempt changed, for the log.
type outcome struct {
	before, after *DeliveryError
	pending       int
}

// settle draws the consequences of an attempt.
func (l *lane) settle(err error, begun, now time.Time) outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.flying
	l.flying = nil
	l.notBefore = begun.Add(pace)
	o := outcome{before: l.failure, after: failureOf(err)}
	l.failure = o.after
	if err == nil {
		l.waits.Reset()
		return o
	}
	if !l.active { // removed meanwhile
		l.failure = nil
		return o
	}
	hold := now
	switch {
	case o.after.Permanent:
		hold = now.Add(slowRetry) // the message waits, for the next one may pass
	case o.after.RetryAfter > 0:
		l.notBefore = later(l.notBefore, now.Add(o.after.RetryAfter))
	default:
		l.notBefore = later(l.notBefore, now.Add(l.pause()))
	}
	l.queue.restore(taken, hold)
	o.pending = len(l.queue.entries)
	return o
}

// pause returns how long to wait after a failure: 1 s, doubling, with up to half of it added, 5 minutes at most.
func (l *lane) pause() time.Duration {
	wait := l.waits.NextBackOff()
	return min(wait+time.Duration(l.options.Rand()*float64(wait)/2), longestWait)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// failureOf makes a DeliveryError of any other error, which is a fault of the notifier: it is tried again.
func failureOf(err error) *DeliveryError {
	if err == nil {
		return nil
	}
	if failure, ok := errors.AsType[*DeliveryError](err); ok {
		return failure
	}
	return &DeliveryError{Reason: "unknown", Err: err}
}

// tell logs when a destination begins to fail, fails otherwise, or takes messages again.
func (l *lane) tell(ctx context.Context, o outcome) {
	logger := l.options.Logger.With("notifier", l.name)
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
		logger.Log(ctx, level, "a message is not delivered; it is kept and tried again", "reason", o.after.Reason, "error", o.after.Err,
			"fix", cmp.Or(o.after.Fix, "none needed unless it lasts"), "pending", o.pending)
	}
}
