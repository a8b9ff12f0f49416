package alert

import (
	"time"

	"squarewatch/probe"
)

// State is the state of a series of a rule.
type State string

// The states of a series.
const (
	Inactive State = "inactive"
	Pending  State = "pending"
	Firing   State = "firing"
)

// Incident is a series of a rule from firing to resolved, as it stands at one moment. It is plain data.
type Incident struct {
	ID        string // stays the same from firing to resolved
	Rule      string
	Series    string // name of the probe or credential, or "all"
	Per       Per
	Severity  Severity
	Runbook   string
	Threshold Share
	Clear     Share
	Window    time.Duration // 0 when only the last run counts

	Since    time.Time // when the threshold was crossed
	Fired    time.Time // when it was announced
	Resolved time.Time // zero while it fires

	Rate     Share             // in the window, now
	Runs     int               // finished runs in the window
	Bad      int               // those of them that the rule counts
	Classes  []ClassCount      // what those came to, most frequent first
	Blame    probe.Blame       // whose fault the newest 401 is, as far as it is known
	Examples []Example         // up to three of them, newest first
	Labels   map[string]string // of the probe, for series of a probe

	Note string // why it ended other than by recovery; mostly empty
}

// ClassCount is a number of runs of one class and code.
type ClassCount struct {
	Class probe.Class
	Code  int
	Runs  int
}

// Example is one run behind an incident.
type Example struct {
	Probe   string
	At      time.Time
	Class   probe.Class
	Code    int
	Reason  string
	Blame   probe.Blame // whose fault a 401 is
	Excerpt string
	Trace   probe.TraceID
	Span    probe.SpanID // root span of that trace
}

// Event is what a transition tells people.
type Event string

// The events, which are also the first words of a message in capitals.
const (
	EventFiring   Event = "firing"
	EventUpdate   Event = "update" // a reminder while it fires
	EventResolved Event = "resolved"
	EventTest     Event = "test" // a person tries a notifier; there is no incident
)

// Transition is a change that people are told of, with the incident as it then stands.
type Transition struct {
	At       time.Time
	Event    Event
	Incident Incident
	Notify   []string // names of the notifiers that hear of it; all when empty
}

// Status is what the engine knows of one series, for metrics and people.
type Status struct {
	Rule      string
	Series    string
	Severity  Severity
	State     State
	Rate      Share
	Runs      int
	Threshold Share
	Since     time.Time // when the state began; zero when inactive from the start
}
