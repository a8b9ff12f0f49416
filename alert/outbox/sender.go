package outbox

import (
	"context"
	"slices"
	"sync"
	"time"

	"squarewatch/alert"

	"github.com/cenkalti/backoff/v5"
)

const (
	minInterval    = time.Second      // between two messages to one destination
	refusedRetry   = 10 * time.Minute // before a refused message is tried again
	minBackoff     = time.Second      // wait after the first failure
	maxBackoff     = 5 * time.Minute  // longest wait between two attempts
	attemptTimeout = 30 * time.Second // timeout of one attempt
)

// sender delivers for one notifier to one address, one message at a time. A notifier whose address changes gets another sender. The
// outbox's mu guards every field that changes.
type sender struct {
	key     senderKey
	options *Options
	wake    chan struct{}
	commit  func(func(*batch)) // of the outbox

	reportDropped func(incidents []string)      // of the outbox
	successor     func(notifier string) *sender // of the outbox: its activeLocked

	mu          *sync.Mutex
	muting      *alert.Muting     // of the outbox
	notes       map[string][]Note // of the outbox
	active      bool              // the configuration has the destination
	destination Destination
	queue       queue              // messages that are not delivered yet
	receipts    map[string]receipt // by incident: what the destination received last
	reports     []waitingReport    // reports that are not delivered yet
	inFlight    []entry            // entries that are being delivered now
	reporting   *waitingReport     // the report that is being delivered now; nil for none
	begun       time.Time          // when the delivery of inFlight or reporting began
	lastRefresh time.Time          // when firing incidents were last repeated, for a [Refresher]
	notBefore   time.Time          // no attempt is made before this time
	backoff     *backoff.ExponentialBackOff
	failure     *DeliveryError // error of the last attempt; nil when it succeeded
	delivered   time.Time      // when the last attempt that succeeded ended; zero for none
}

// newSender returns a sender without a destination.
func newSender(key senderKey, o *Outbox) *sender {
	// The library takes its jitter from a global source of random numbers. It is off here, and nextBackoff adds jitter.
	waits := &backoff.ExponentialBackOff{InitialInterval: minBackoff, Multiplier: 2, MaxInterval: maxBackoff}
	waits.Reset()
	return &sender{
		key: key, options: &o.options, mu: &o.mu, muting: &o.muting, notes: o.notes, commit: o.commit,
		reportDropped: o.reportDropped,
		successor:     o.activeLocked, wake: make(chan struct{}, 1), backoff: waits, receipts: map[string]receipt{},
	}
}

// loadEntriesLocked puts the messages of an earlier process in front of those of this process. The caller holds mu.
func (s *sender) loadEntriesLocked(left []entry) {
	for i := range left {
		left[i].uncertain = true // the earlier process may have sent the message before it ended
	}
	s.queue.entries = append(left, s.queue.entries...)
	s.wakeUp()
}

// loadReceiptsLocked adds what the destination received from an earlier process. Receipts of this process are newer and stay. The caller
// holds mu.
func (s *sender) loadReceiptsLocked(left map[string]receipt) {
	for id, r := range left {
		if _, newer := s.receipts[id]; !newer {
			s.receipts[id] = r
		}
	}
}

// enqueueLocked queues a message for a transition. The caller holds mu.
func (s *sender) enqueueLocked(t alert.Transition, changes *batch) {
	s.putEntriesLocked(changes, s.queue.add(t, s.key, s.destination.GroupWait))
	s.wakeUp()
}

// putEntriesLocked records queued entries as they are now. The caller holds mu.
func (s *sender) putEntriesLocked(changes *batch, ids ...string) {
	for i := range s.queue.entries {
		if e := &s.queue.entries[i]; slices.Contains(ids, e.id) {
			changes.put(s.key, e)
		}
	}
}

// activateLocked sets the destination. If the last attempt failed, everything in the queue is due now. The caller holds mu.
func (s *sender) activateLocked(d Destination, now time.Time) {
	s.active, s.destination = true, d
	if s.failure != nil {
		s.backoff.Reset()
		s.notBefore = now
		s.queue.releaseAll(now)
		for i := range s.reports {
			s.reports[i].notBefore = now
		}
	}
	s.wakeUp()
}

// deactivateLocked removes the destination. The queue keeps its messages until handOverLocked. The caller holds mu.
func (s *sender) deactivateLocked() { s.active, s.destination, s.failure = false, Destination{}, nil }

// dropQueueLocked drops what is queued for a notifier that was removed. The caller holds mu.
func (s *sender) dropQueueLocked(changes *batch) {
	for i := range s.queue.entries {
		changes.remove(s.queue.entries[i].id)
	}
	if count := len(s.queue.entries) + len(s.reports); count > 0 {
		s.options.Logger.Warn("dropped the undelivered messages of a notifier that the configuration no longer has",
			"notifier", s.key.notifier, "messages", count)
	}
	s.queue = queue{}
	s.handOverReportsLocked(nil, changes)
}

// wakeUp makes the sender check its queue.
func (s *sender) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default: // a wake-up is already waiting
	}
}

// run delivers until ctx ends. Then it delivers what is due in the grace time at shutdown, until the context late ends.
func (s *sender) run(ctx, late context.Context) {
	for s.sleep(ctx, s.due) {
		s.deliver(late)
	}
	// An attempt that begins later may be cut off before its answer. Its message would be sent again at the next start: people get it twice.
	latest := time.Now().Add(s.options.Grace() * 3 / 4)
	s.mu.Lock()
	s.queue.releaseAll(time.Now()) // no further change can join a group
	s.mu.Unlock()
	for {
		next, ok := s.due()
		if !ok || next.After(latest) || !s.sleep(late, s.due) {
			return
		}
		s.deliver(late)
	}
}

// due returns when the next message may be sent; false when none waits.
func (s *sender) due() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.updateMuted(time.Now(), s.muting)
	next, ok := s.queue.next()
	for _, other := range []func() (time.Time, bool){s.reportDueLocked, s.refreshDueLocked} {
		if at, waits := other(); waits && (!ok || at.Before(next)) {
			next, ok = at, true
		}
	}
	if next.Before(s.notBefore) {
		next = s.notBefore
	}
	return next, ok
}

// sleep waits until a message is due; false when ctx ended first.
func (s *sender) sleep(ctx context.Context, due func() (time.Time, bool)) bool {
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
		case <-s.wake:
		case <-alarm:
		}
	}
	return false
}

// attempt is one attempt to deliver a message or a report, within a context.
type attempt func(context.Context) (ref string, err error)

// deliver makes one attempt to deliver what is due.
func (s *sender) deliver(ctx context.Context) {
	begun := time.Now()
	s.dropMuted(begun)
	send := s.nextAttempt(begun)
	if send == nil { // nothing is due any more: the message was folded or dropped
		return
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	ref, err := send(ctx)
	s.options.Observer.Delivered(s.key.notifier, err)
	s.logOutcome(ctx, s.finish(ref, err, begun, time.Now()))
}

// nextAttempt removes the entries that are due from the queue, or the report that is, and returns how to deliver them; nil when nothing is
// due. Messages about incidents come first.
func (s *sender) nextAttempt(now time.Time) attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.updateMuted(now, s.muting)
	s.begun = now
	s.inFlight = s.queue.pop(now, s.destination.GroupWait, s.receipts)
	if len(s.inFlight) > 0 {
		for i := range s.inFlight {
			s.inFlight[i].attempts++
		}
		n := newNotification(s.inFlight, s.key.notifier, s.receipts, now)
		n.Notes = slices.Clone(s.notes[n.Incident.ID])
		return s.attemptLocked(n)
	}
	if send := s.popReportLocked(now); send != nil {
		return send
	}
	if again, must := s.refreshDueLocked(); must && !again.After(now) {
		s.lastRefresh = now
		return s.attemptLocked(s.refreshLocked(now))
	}
	return nil
}

// attemptLocked returns how to deliver a message. The caller holds mu.
func (s *sender) attemptLocked(n Notification) attempt {
	notifier := s.destination.Notifier
	return func(ctx context.Context) (string, error) { return notifier.Deliver(ctx, n) }
}
