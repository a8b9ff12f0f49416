package alert

import (
	"context"
	"fmt"
	"time"
)

// Notification is one message owed to one notifier.
type Notification struct {
	ID       string // unique; the same over all attempts to deliver it
	Notifier string
	At       time.Time // of the change that it tells
	Event    Event
	Incident Incident

	Late   time.Duration // how long the first change that it tells has waited when the attempt is made
	Folded int           // earlier changes of the incident that were never told and that this one stands for
	Others []Incident    // further incidents of the same rule that this message tells too
}

// Notifier delivers messages to people. A new kind is a package beside slack and one line in cmd/squarewatch/kinds.go;
// package notifiertest holds what each must pass.
type Notifier interface {
	// Deliver returns nil when the destination has taken the message, else a [DeliveryError].
	// It makes one attempt and obeys the context; retrying is the outbox's.
	Deliver(ctx context.Context, n Notification) error
}

// DeliveryError says why a message was not delivered and what may be done about it.
type DeliveryError struct {
	Reason     string        // a word for metrics, of a fixed set: rate_limited, unavailable, network, timeout, refused, invalid
	RetryAfter time.Duration // what the destination asked for; 0 when it did not say
	Permanent  bool          // the destination refuses it for good: a person must act
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
