package alert

import (
	"time"

	"squarewatch/config/setting"
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
	Threshold setting.Share
	Clear     setting.Share
	Window    time.Duration // 0 when only the last run counts

	// The bad time is what was seen of the problem; the declared time, from Fired to Resolved, is what the rule made of it.
	// Since is the beginning of the bad time: the first bad run, or the last run before none finished any more.
	Since    time.Time
	FirstBad time.Time // when the first bad run of the incident ended; zero where none is needed to fire
	LastBad  time.Time // when the last one ended, so far
	BadRuns  int       // how many there were, so far
	Crossed  time.Time // when the threshold was crossed
	Fired    time.Time // when the incident was declared
	Resolved time.Time // when it was over; zero while it fires

	Condition  Condition     // how the rule judges
	Low, High  setting.Share // bounds of the true rate, where the rule asks for Confidence
	Confidence setting.Share // 0 when the raw rate is compared
	Burn       *Burn         // of an objective's budget; nil for other rules

	Rate    setting.Share // in the window, now
	Runs    int           // finished runs in the window
	Bad     int           // those of them that the rule counts
	Classes []ClassCount  // what those came to, most frequent first
	// Counted is when Rate, Runs, Bad and Classes were counted, where too few runs are in the window now to say anything;
	// RecentRuns and RecentBad are those. Zero when the figures are of now.
	Counted               time.Time
	RecentRuns, RecentBad int

	Blame    probe.Blame // whose fault the newest 401 is, as far as it is known
	Examples []Example   // up to three of them, newest first
	// Probe is the probe that the figures are of, where a rule counts several together and one of them crossed alone; empty when
	// they are of all together. BadProbes are those with bad runs, worst first; empty for a rule per probe.
	Probe     string
	BadProbes []ProbeCount
	Labels    map[string]string // of the probe, for series of a probe
	Recent    []Mark            // the last runs, oldest first
	Course    []Point           // the window in parts, oldest first: what a chart shows

	Reopened     int              // how often it fired again soon after it was over
	HeldOpen     time.Duration    // it flaps: it is over only after so long below the threshold; 0 where it does not flap
	Acknowledged *Acknowledgement // nil while nobody did
	Overdue      bool             // server errors older than support_after: time to ask AISquare
	Affected     []string         // other series that stay silent because of this incident

	Note string // why it ended other than by recovery; mostly empty
}

// Condition names a way to judge a series; messages word an incident by it.
type Condition string

// The ways to judge.
const (
	ConditionRate    Condition = "rate"    // a share of the runs in a window
	ConditionStreak  Condition = "streak"  // bad runs in a row, for what runs too rarely for a rate
	ConditionBurn    Condition = "burn"    // an objective's budget is spent too fast
	ConditionAccess  Condition = "access"  // a probe that guards access was let in
	ConditionNoData  Condition = "no-data" // a probe finishes no runs
	ConditionNetwork Condition = "network" // our own network failed; runs did not count
	ConditionWatcher Condition = "watcher" // squarewatch ran out of something; runs did not count
)

// Burn is how fast the budget of an objective is spent: the rate in two windows, as multiples of what the objective allows.
type Burn struct {
	Objective   setting.Share
	Period      time.Duration
	Factor      float64       // of the pair of windows that is over
	Long, Short time.Duration // that pair
	LongBurn    float64       // multiples of the budget in the long window
	ShortBurn   float64       // and in the short one
}

// Mark is one of the last runs of a series.
type Mark struct {
	Class probe.Class
	Bad   bool // the rule counts it
}

// Point is a part of a window.
type Point struct {
	At   time.Time // its end
	Runs int
	Bad  int
}

// Acknowledgement says who has taken an incident on.
type Acknowledgement struct {
	By string // as the notifier that heard of it names people; Slack: a user's identifier
	At time.Time
}

// ClassCount is a number of runs of one class and code.
type ClassCount struct {
	Class probe.Class
	Code  int
	Runs  int
}

// ProbeCount is the runs of one probe that a rule counts together with others.
type ProbeCount struct {
	Probe   string
	Runs    int // in the window; of a rare probe those of its streak
	Bad     int
	LastBad bool // the last run was bad
}

func (c *ProbeCount) rate() setting.Share {
	if c.Runs == 0 {
		return 0
	}
	return setting.Share(c.Bad) / setting.Share(c.Runs)
}

// Example is one run behind an incident.
type Example struct {
	Probe      string
	Credential string // that it acted as; empty for none
	At         time.Time
	Class      probe.Class
	Code       int
	Reason     string
	Blame      probe.Blame // whose fault it is, where that is known
	Excerpt    string
	Trace      probe.TraceID
	Span       probe.SpanID // root span of that trace
}

// Event is what a transition tells people.
type Event string

// The events, which are also the first words of a message in capitals.
const (
	EventFiring   Event = "firing"
	EventUpdate   Event = "update" // a reminder while it fires
	EventResolved Event = "resolved"
	EventEnded    Event = "ended" // over without a recovery: its rule or what the rule watched is gone
	EventTest     Event = "test"  // a person tries a notifier; there is no incident
)

// Ends reports whether the incident is over.
func (e Event) Ends() bool { return e == EventResolved || e == EventEnded }

// Fires reports whether a destination that received this event last shows the incident as firing.
func (e Event) Fires() bool { return e == EventFiring || e == EventUpdate }

// Ended reports whether the incident is over without a recovery; Note then says why.
func (i *Incident) Ended() bool { return !i.Resolved.IsZero() && i.Note != "" }

// Transition is a change that people are told of, with the incident as it then stands.
type Transition struct {
	At       time.Time
	Event    Event
	Incident Incident
	Notify   []string // names of the notifiers that hear of it; all when empty
	Muted    bool     // nobody is told: it is silenced, or nothing people need to know at once
	Alone    bool     // the end of an incident that no message announced: it is told all the same
	Digest   string   // changes with the same one are told in one message, whatever their rules; mostly empty
	// Reannounced means that nothing changed: the transition is for notifiers that never received FIRING of the incident.
	Reannounced bool
	State       SeriesState
}

// SeriesState is what must outlive the process of one series of a rule. It is plain data, stored as JSON.
type SeriesState struct {
	Rule   string
	Series string
	State  State

	Changed  time.Time // when the state began
	Crossed  time.Time // when the threshold was crossed
	Fired    time.Time // when the incident began
	Told     time.Time // when people last heard of it
	Resolved time.Time // when it was last over; zero while it fires

	Incident     string // its identifier; empty when there never was one
	Announced    bool   // people were told that it fires
	Reopened     int
	Flapping     bool      // it is held open
	Lost         string    // why it may end without recovery; empty mostly
	Quiet        time.Time // since when it could be over, while it is held open; zero while it could not
	Overdue      bool
	Severity     Severity // as people last heard it
	Acknowledged *Acknowledgement
	Examples     []Example
	Figures      *Figures  // as last counted while it fired; nil when it never did
	Bad          BadSpan   // bad runs of the incident
	Next         BadSpan   // bad runs since the threshold was crossed, while pending
	After        BadSpan   // bad runs since the incident was over
	Owed         *Incident // it was over while silenced, and people have not been told; nil mostly
}

// Status is what the engine knows of one series, for metrics and people.
type Status struct {
	Rule      string
	Series    string
	Severity  Severity
	State     State
	Rate      setting.Share
	Runs      int
	Threshold setting.Share
	Since     time.Time // as in [Incident] while pending or firing; zero while inactive
	Fired     time.Time // as in [Incident], as are the following three; zero unless it fires
	FirstBad  time.Time
	LastBad   time.Time
	BadRuns   int

	SilencedUntil time.Time // zero when nothing mutes it
	CoveredBy     string    // rule and series of the incident that tells of the same runs; empty mostly
}
