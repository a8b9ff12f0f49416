package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"squarewatch/alert"
)

// Notification is one message owed to one notifier.
type Notification struct {
	ID       string // unique; the same over all attempts to deliver it
	Notifier string
	At       time.Time // of the change that it tells
	Event    alert.Event
	Incident alert.Incident

	Late   time.Duration    // how long the first change that it tells has waited when the attempt is made
	Folded int              // earlier changes of the incident that were never told and that this one stands for
	Others []alert.Incident // further incidents of the same rule that this message tells too

	Ref   string           // what Deliver returned for this incident's first message; empty for that one
	Told  alert.Event      // what the destination last heard of the incident; empty for nothing
	Group []alert.Incident // the other incidents that the message behind Ref told, as last told
}

// Notifier delivers messages to people. A new kind is a package beside slack and one line in cmd/squarewatch/kinds.go;
// package notifiertest holds what each must pass.
type Notifier interface {
	// Deliver returns no error when the destination has taken the message, else a [DeliveryError]. The reference, which may
	// be empty, comes back with later notifications of the same incidents: what a message is changed or answered by.
	// It makes one attempt and obeys the context; retrying is the outbox's.
	Deliver(ctx context.Context, n Notification) (ref string, err error)
}

// Refresher is a notifier whose destination forgets an incident that it is not told of again. The outbox then repeats what
// fires, all of it in one notification of [EventUpdate].
type Refresher interface {
	Notifier
	// RefreshEvery returns the time between two repetitions.
	RefreshEvery() time.Duration
}

// Announcer is a notifier that also tells people of what is no incident, such as a silence.
type Announcer interface {
	Notifier
	// Announce makes one attempt to send a line of plain text, within the context. The text may hold what people wrote.
	Announce(ctx context.Context, text string) error
}

// Listener is a notifier that also hears what people answer.
type Listener interface {
	Notifier
	// Listen hands what people ask for to the desk until ctx ends. It connects again whenever its connection breaks, and logs the
	// first failure and the recovery.
	Listen(ctx context.Context, desk Desk, logger *slog.Logger)
	// Hearing returns whether people are heard now.
	Hearing() Hearing
}

// Hearing is whether a notifier hears what people answer.
type Hearing struct {
	Wanted    bool   // the configuration asks for it
	Connected bool   // people are heard
	Fault     string // why they are not, without secrets; empty when they are, or when it is not known yet
}

// Desk does what people ask for from where they read messages.
type Desk interface {
	// Acknowledge notes that somebody has taken an incident on; reminders of it end. It is an error when it fires no more.
	Acknowledge(incident, by string) error
	// Silence mutes the rule and series of an incident until the returned time.
	Silence(incident, by string, length time.Duration) (until time.Time, err error)
	// Overview returns what there is to know now.
	Overview() Overview
}

// Overview is the state of everything that people are told of.
type Overview struct {
	Series    []alert.Status
	Incidents []alert.Incident // what fires, oldest first
	Backlog   []Backlog
	Silences  []alert.Silence
}

// DeliveryError says why a message was not delivered and what may be done about it.
type DeliveryError struct {
	Reason     string        // a word for metrics, of a fixed set: rate_limited, unavailable, network, timeout, refused, invalid
	RetryAfter time.Duration // what the destination asked for; 0 when it did not say
	Permanent  bool          // the destination refuses it for good: a person must act
	Uncertain  bool          // the destination may have taken it all the same: the connection broke after it was made
	Fix        string        // what that person must do
	Err        error         // without secrets
}

// Error returns the reason, the cause and what to do.
func (e *DeliveryError) Error() string {
	text := fmt.Sprintf("%s: %v", e.Reason, e.Err)
	if e.Fix != "" {
		text += "; " + e.Fix
	}
	return text
}

// Unwrap returns the cause.
func (e *DeliveryError) Unwrap() error { return e.Err }

// DeliveryObserver is told of every attempt to deliver; the recorder of package otel implements it.
type DeliveryObserver interface {
	// Delivered takes the outcome of an attempt: nil, or why it failed.
	Delivered(notifier string, err error)
}
