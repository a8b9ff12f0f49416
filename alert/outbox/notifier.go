package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"squarewatch/alert"
)

// Notification is one message for one notifier.
type Notification struct {
	ID       string // unique; the same in every attempt to deliver it
	Notifier string
	At       time.Time // when the change happened
	Event    alert.Event
	Incident alert.Incident

	Late   time.Duration    // from the first change in the message to the attempt to deliver it
	Folded int              // number of earlier, undelivered changes of the incident that it includes
	Others []alert.Incident // further incidents of the same rule in this message
	Notes  []Note           // that people wrote about the incident in the last week, oldest first

	Ref   string           // what Deliver returned for the incident's first message; empty in the first message
	Group []alert.Incident // the other incidents of the message that Ref names, as the destination last received them
}

// Notifier delivers messages to people. To add a kind, write a package beside slack and add one line to cmd/squarewatch/kinds.go. Package
// notifiertest has the tests that every notifier must pass.
type Notifier interface {
	// Deliver makes one attempt and obeys the context; the outbox retries. It returns no error when the destination has accepted the
	// message, else a [DeliveryError]. The reference, which may be empty, is passed to later notifications of the same incidents, so that
	// they can update the message or reply to it.
	Deliver(ctx context.Context, n Notification) (ref string, err error)
}

// Refresher is a notifier whose destination drops an incident that is not repeated. The outbox repeats all firing incidents in one
// notification of [alert.EventUpdate].
type Refresher interface {
	Notifier
	// RefreshEvery returns the time between two repetitions.
	RefreshEvery() time.Duration
}

// Announcer is a notifier that can also send a line of text that belongs to no incident, such as a new silence.
type Announcer interface {
	Notifier
	// Announce makes one attempt to send a line of plain text, within the context. The text may contain what people wrote.
	Announce(ctx context.Context, text string) error
}

// Reporter is a notifier that can also send a report that belongs to no incident.
type Reporter interface {
	Notifier
	// Report makes one attempt to send a report, within the context. Errors are of type [DeliveryError].
	Report(ctx context.Context, report Report) error
}

// Checker is a notifier that can find out whether its destination would accept messages.
type Checker interface {
	Notifier
	// Check asks the destination within the context, and sends no message. It returns in words what the destination confirmed, or a
	// [DeliveryError].
	Check(ctx context.Context) (says string, err error)
}

// Listener is a notifier that also receives commands from people.
type Listener interface {
	Notifier
	// Listen receives what people ask for and passes it to commands, until ctx ends. It reconnects whenever its connection breaks, and logs
	// the first failure and the recovery.
	Listen(ctx context.Context, commands Commands, logger *slog.Logger)
	// CommandState returns whether commands are received now.
	CommandState() CommandState
}

// CommandState is the state of a notifier's connection for commands from people.
type CommandState struct {
	Wanted    bool   // the configuration enables commands
	Connected bool   // commands are received
	Fault     string // why commands are not received, without secrets; empty when they are, or when the reason is not known yet
}

// Commands carries out what people ask for through a notifier.
type Commands interface {
	// Acknowledge records who works on an incident; its reminders stop. It returns an error when the incident no longer fires.
	Acknowledge(incident, by string) error
	// Silence mutes the rule and series of an incident until the returned time.
	Silence(incident, by string, length time.Duration) (until time.Time, err error)
	// Overview returns the current state.
	Overview() Overview
}

// Overview is the state of everything that people receive messages about.
type Overview struct {
	Series    []alert.Status
	Incidents []alert.Incident // firing incidents, oldest first
	Backlog   []Backlog
	Silences  []alert.Silence

	Maintenance []alert.Silence // maintenance that mutes messages now
}

// DeliveryError says why a message was not delivered and what to do.
type DeliveryError struct {
	Reason     string        // for metrics, one of: rate_limited, unavailable, network, timeout, refused, invalid
	RetryAfter time.Duration // what the destination asked for; 0 when it asked for nothing
	Permanent  bool          // retrying does not help until a person acts
	Uncertain  bool          // the destination may have accepted the message: the attempt failed after the request may have been sent
	Fix        string        // what a person must do; empty unless Permanent
	Err        error         // the cause, without secrets
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

// DeliveryObserver receives the result of every attempt to deliver; the recorder of package otel implements it.
type DeliveryObserver interface {
	// Delivered receives nil after a success, else the error.
	Delivered(notifier string, err error)
}
