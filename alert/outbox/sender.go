package outbox

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"squarewatch/alert"

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
	options *Options
	wake    chan struct{}
	commit  func(func(*ledger)) // of the outbox

	mu          *sync.Mutex
	muting      *alert.Muting // of the outbox
	active      bool
	destination Destination
	queue       queue
	told        map[string]toldOf // by incident: what the destination last heard
	flying      []entry           // being delivered now
	refreshed   time.Time         // when what fires was last repeated, for a destination that forgets
	notBefore   time.Time         // the destination is left alone until then
	waits       *backoff.ExponentialBackOff
	failure     *DeliveryError // of the last attempt; nil when it was taken
}

func newLane(name string, o *Outbox) *lane {
	// The library's own jitter comes from a global source: it is left out, and added from ours.
	waits := &backoff.ExponentialBackOff{InitialInterval: shortestWait, Multiplier: 2, MaxInterval: longestWait}
	waits.Reset()
	return &lane{
		name: name, options: &o.options, mu: &o.mu, muting: &o.muting, commit: o.commit, wake: make(chan struct{}, 1),
		waits: waits, told: map[string]toldOf{},
	}
}

// take takes over what an earlier process left. The caller holds mu.
func (l *lane) take(left stored) {
	l.queue.entries = append(l.queue.entries, left.owed...)
	for i := range l.queue.entries {
		l.queue.entries[i].uncertain = true // it may have been on its way when that process ended
	}
	if left.told != nil {
		l.told = left.told
	}
}

// add owes a transition. The caller holds mu.
func (l *lane) add(t alert.Transition, ledger *ledger) {
	id := l.queue.add(t, l.name, l.destination.GroupWait)
	for i := range l.queue.entries {
		if l.queue.entries[i].id == id {
			ledger.owe(l.name, &l.queue.entries[i])
		}
	}
	l.nudge()
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
func (l *lane) close(ledger *ledger) {
	for i := range l.queue.entries {
		ledger.drop(l.queue.entries[i].id)
	}
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
	l.queue.mute(time.Now(), l.muting)
	waiting := slices.DeleteFunc(slices.Concat(l.queue.entries, l.flying), func(e entry) bool { return e.muted() })
	return len(waiting), oldest(waiting), lastError
}

// run delivers until ctx ends, and then what is left and may be sent until late ends.
func (l *lane) run(ctx, late context.Context) {
	for l.sleep(ctx, l.due) {
		l.deliver(late)
	}
	end := time.Now().Add(l.options.Grace())
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
	l.queue.mute(time.Now(), l.muting)
	next, ok := l.queue.next()
	if again, must := l.refreshDue(); must && (!ok || again.Before(next)) {
		next, ok = again, true
	}
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
	l.dropMuted(begun)
	n, destination := l.next(begun)
	if destination.Notifier == nil { // it was folded or dropped meanwhile
		return
	}
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	ref, err := destination.Notifier.Deliver(ctx, n)
	l.options.Observer.Delivered(l.name, err)
	l.tell(ctx, l.settle(ref, err, begun, time.Now()))
}

// next takes what is to be delivered now, and from whom; no notifier when there is nothing.
func (l *lane) next(now time.Time) (Notification, Destination) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue.mute(now, l.muting)
	l.flying = l.queue.take(now, l.destination.GroupWait, l.told)
	if len(l.flying) > 0 {
		return message(l.flying, l.name, l.told, now), l.destination
	}
	if again, must := l.refreshDue(); must && !again.After(now) {
		l.refreshed = now
		return l.refresh(now), l.destination
	}
	return Notification{}, Destination{}
}

// outcome is what an attempt changed, for the log.
type outcome struct {
	before, after *DeliveryError
	pending       int
}

// settle draws the consequences of an attempt, and writes them down.
func (l *lane) settle(ref string, err error, begun, now time.Time) (o outcome) {
	l.commit(func(ledger *ledger) { o = l.conclude(ref, err, begun, now, ledger) })
	return o
}

// conclude draws the consequences of an attempt. The caller holds mu.
func (l *lane) conclude(ref string, err error, begun, now time.Time, ledger *ledger) outcome {
	taken := l.flying
	l.flying = nil
	l.notBefore = begun.Add(pace)
	o := outcome{before: l.failure, after: failureOf(err)}
	switch {
	case err == nil:
	case o.after.Uncertain:
		for i := range taken {
			taken[i].uncertain = true
		}
	default:
		taken = l.forsake(taken, ledger)
	}
	l.failure = o.after
	switch {
	case err == nil:
		l.waits.Reset()
		l.heard(taken, ref, ledger)
		return o
	case !l.active: // removed meanwhile
		l.failure = nil
		for i := range taken {
			ledger.drop(taken[i].id)
		}
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
	l.restore(taken, hold, ledger)
	o.pending = len(l.queue.entries)
	return o
}

// restore puts back what could not be sent. The caller holds mu.
func (l *lane) restore(taken []entry, hold time.Time, ledger *ledger) {
	gone, changed := l.queue.restore(taken, hold)
	for _, id := range gone {
		ledger.drop(id)
	}
	for i := range l.queue.entries {
		if e := &l.queue.entries[i]; slices.Contains(changed, e.id) {
			ledger.owe(l.name, e)
		}
	}
}

// pause returns how long to wait after a failure: 1 s, doubling, with up to half of it added, 5 minutes at most.
func (l *lane) pause() time.Duration {
	wait := l.waits.NextBackOff()
	return min(wait+time.Duration(l.options.Rand()*float64(wait)/2), longestWait)
}

// later returns the later of two times.
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
	return &DeliveryError{Reason: "unknown", Uncertain: true, Err: err}
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
