package outbox

import (
	"time"
)

// Backlog reports what waits for one notifier.
type Backlog struct {
	Notifier  string
	Pending   int           // changes of incidents that wait
	OldestAge time.Duration // age of the oldest of them; 0 when none waits
	LastError string        // error of the last attempt; empty when the last attempt succeeded
	Hearing   Hearing       // whether the notifier receives commands from people
}

// Pending returns how many changes wait for a notifier, when the first of them happened (zero for none), and the error of the last
// attempt (empty when it succeeded).
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
		b := Backlog{Notifier: s.key.notifier, Pending: count, LastError: lastError}
		if count > 0 {
			b.OldestAge = max(now.Sub(first), 0)
		}
		if listener, ok := s.destination.Notifier.(Listener); ok {
			b.Hearing = listener.Hearing()
		}
		list = append(list, b)
	}
	return list
}
