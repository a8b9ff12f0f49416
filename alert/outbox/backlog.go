package outbox

import (
	"slices"
	"time"
)

// Backlog reports what waits for one notifier.
type Backlog struct {
	Notifier  string
	Pending   int           // changes of incidents, and reports, that wait
	OldestAge time.Duration // age of the oldest of them; 0 when nothing waits
	Due       time.Time     // when the next attempt is due, or when the running attempt began; zero when nothing waits
	LastError string        // error of the last attempt; empty when the last attempt succeeded
	Delivered time.Time     // when it last received a message; from earlier processes, only those about incidents count; zero for never
	Commands  CommandState  // whether the notifier receives commands from people
}

// Pending returns how many changes and reports wait for a notifier, since when (zero for none), and the error of the last attempt (empty
// when it succeeded).
func (o *Outbox) Pending(name string) (count int, oldest time.Time, lastError string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.activeLocked(name); s != nil {
		return s.pendingLocked()
	}
	return 0, time.Time{}, ""
}

// Status returns the backlog of every configured notifier, by name.
func (o *Outbox) Status() []Backlog {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	list := make([]Backlog, 0, len(o.senders))
	for _, s := range o.sortedLocked() {
		if !s.active {
			continue
		}
		count, first, lastError := s.pendingLocked()
		b := Backlog{Notifier: s.key.notifier, Pending: count, LastError: lastError, Delivered: later(s.delivered, o.deliveries[s.key.notifier])}
		if count > 0 {
			b.OldestAge = max(now.Sub(first), 0)
			b.Due = s.nextAttemptLocked(first)
		}
		if listener, ok := s.destination.Notifier.(Listener); ok {
			b.Commands = listener.CommandState()
		}
		list = append(list, b)
	}
	return list
}

// pendingLocked returns what [Outbox.Pending] reports. The caller holds mu.
func (s *sender) pendingLocked() (count int, first time.Time, lastError string) {
	if s.failure != nil {
		lastError = s.failure.Error()
	}
	s.queue.updateMuted(time.Now(), s.muting)
	waiting := slices.DeleteFunc(slices.Concat(s.queue.entries, s.inFlight), func(e entry) bool { return e.muted() })
	first = oldestChange(waiting)
	reports, since := s.waitingReportsLocked()
	if first.IsZero() || !since.IsZero() && since.Before(first) {
		first = since
	}
	return len(waiting) + reports, first, lastError
}

// nextAttemptLocked returns when the next attempt is due, or when the running attempt began. While everything waits for the disk, it
// returns first: the time of the first change that waits. The caller holds mu.
func (s *sender) nextAttemptLocked(first time.Time) time.Time {
	if len(s.inFlight) > 0 || s.reporting != nil {
		return s.begun
	}
	next, ok := s.queue.next()
	if report, waits := s.reportDueLocked(); waits && (!ok || report.Before(next)) {
		next, ok = report, true
	}
	if !ok {
		return first
	}
	return later(next, s.notBefore)
}
