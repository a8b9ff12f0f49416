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

// Incident describes one incident of a series of a rule, from firing to resolved, as it is at one time. It is plain data, stored as JSON. A
// field that was renamed keeps its first name in JSON, so that stored incidents stay readable.
type Incident struct {
	ID        string // the same from firing to resolved
	Rule      string
	Series    string // name of the probe or credential, or "all"
	Per       Per
	Severity  Severity
	Runbook   string
	Threshold setting.Share
	Clear     setting.Share
	Window    time.Duration // 0 when only the last run counts

	// The bad time is when runs were bad; the declared time is from Fired to Resolved. Since is the beginning of the bad time. That is the
	// first bad run or, when runs are missing, the last run that finished.
	Since    time.Time
	FirstBad time.Time // when the first bad run of the incident ended; zero where the rule needs none
	LastBad  time.Time // when the last one ended, so far
	BadRuns  int       // number of bad runs, so far
	Crossed  time.Time // when the threshold was crossed
	Fired    time.Time // when the incident was declared
	Resolved time.Time // when it ended; zero while it fires

	FiredWith RunCount // what the rule counted when it fired; zero for a rule that counts no runs, and in incidents of an older version

	Condition  Condition     // how the rule evaluates
	Low, High  setting.Share // bounds of the true rate, where the rule has a Confidence
	Confidence setting.Share // 0 when the raw rate is compared
	Burn       *Burn         // how fast an objective's error budget is spent; nil for other rules

	Rate    setting.Share // share of bad runs in the window
	Runs    int           // finished runs in the window
	Bad     int           // bad runs in the window
	Classes []ClassCount  // bad runs by class and code, most frequent first
	// When the window has too few runs for new figures, Counted is when Rate, Runs, Bad and Classes were counted. RecentRuns and RecentBad
	// then are the runs in the window now. All three are zero when the figures are current.
	Counted               time.Time
	RecentRuns, RecentBad int

	Blame          probe.Blame      // who caused it, by the newest bad runs that say so
	Blamed         string           // the credential of the newest of those runs; empty for none
	Evidence       []probe.Evidence // evidence for Blame, or why it is unknown; the strongest first
	Advice         string           `json:"Settle"`  // how to find out whose fault it is; empty unless Blame is BlameUnknown
	BlameChangedAt time.Time        `json:"Clearer"` // when a message last announced that Blame changed; zero when none did

	Examples []Example // up to three bad runs, newest first
	// Probe is set if the rule counts several probes and one of them crossed alone: the figures are of that probe. It is empty when the
	// figures are of all together. BadProbes are the probes with bad runs, worst first; empty for a rule per probe.
	Probe     string
	BadProbes []ProbeCount
	Labels    map[string]string // of the probe; only for a rule per probe
	Recent    []Mark            // the last runs, oldest first
	Course    []Point           // the window in parts, oldest first, for a chart

	Paused       time.Duration    // total time between Fired and Resolved in which it was over, before it reopened
	Reopened     int              // how often it fired again within the rule's Reopen
	HeldOpen     time.Duration    // how long it must be clear before it resolves, because it flaps; 0 when it does not flap
	Acknowledged *Acknowledgement // nil until a person acknowledges it
	Overdue      bool             // server errors that last longer than support_after: time to ask AISquare
	Affected     []string         // series that are not announced because of this incident

	// Series that cross for the same cause join an incident. Its messages name them, and it ends when all are good again.
	Joined   []JoinedSeries // in the order in which they joined
	JoinedAt time.Time      // when a message last named further series that joined; zero if none did
	Leader   string         // identifier of the incident that this one joined; empty for none

	Trouble *Trouble // the part of squarewatch itself that does not work; nil for incidents of runs

	EndReason string `json:"Note"` // why it ended without a recovery; mostly empty
}

// Declared returns how long the incident fired until it was resolved. The times in which it was over before it reopened do not count.
func (i *Incident) Declared() time.Duration { return max(i.Resolved.Sub(i.Fired)-i.Paused, 0) }

// Condition names a way to evaluate a series; the wording of messages depends on it.
type Condition string

// The ways to evaluate a series.
const (
	ConditionRate    Condition = "rate"    // a share of the runs in a window
	ConditionStreak  Condition = "streak"  // bad runs in a row, for probes that run too rarely for a rate
	ConditionBurn    Condition = "burn"    // an objective's error budget is spent too fast
	ConditionAccess  Condition = "access"  // access was granted to a guarded probe
	ConditionNoData  Condition = "no-data" // a probe finishes no runs
	ConditionNetwork Condition = "network" // our own network failed; runs did not count
	ConditionWatcher Condition = "watcher" // squarewatch itself has a problem: Trouble names it, or runs did not count
)

// hasWindow reports whether the figures are of all runs in a window, of which there must be MinRuns.
func (c Condition) hasWindow() bool { return c == ConditionRate || c == ConditionBurn }

// isShare reports whether the figures are a share of the runs in the rule's window, to compare with its threshold.
func (c Condition) isShare() bool { return c == ConditionRate }

// IsState reports whether an incident is about a state, and not about a number of bad runs that a rule of the file counts.
func (c Condition) IsState() bool {
	_, _, ok := conditionSentences(&Incident{Condition: c})
	return ok
}

// Burn is how fast the error budget of an objective is spent: the rate in two windows, as multiples of what the objective allows.
type Burn struct {
	Objective   setting.Share
	Period      time.Duration
	Factor      float64       // of the pair of windows that fires
	Long, Short time.Duration // that pair
	LongBurn    float64       // multiples of the budget in the long window
	ShortBurn   float64       // multiples of the budget in the short window
}

// Mark is one of the last runs of a series.
type Mark struct {
	Class probe.Class
	Bad   bool // the rule counts it as bad
}

// Point is a part of a window.
type Point struct {
	At   time.Time // its end
	Runs int
	Bad  int
}

// Acknowledgement says who acknowledged an incident, and when.
type Acknowledgement struct {
	By string // as the notifier names people; Slack: a user identifier
	At time.Time
}

// ClassCount is a number of runs of one class and code.
type ClassCount struct {
	Class probe.Class
	Code  int
	Runs  int
}

// ProbeCount is the runs of one probe of a rule that counts several.
type ProbeCount struct {
	Probe   string
	Runs    int // in the window; for a rare probe, in its streak
	Bad     int
	LastBad bool // the last run was bad
}

// rate returns the share of bad runs.
func (c *ProbeCount) rate() setting.Share {
	return count{runs: int32(c.Runs), bad: int32(c.Bad)}.rate()
}

// Example is one bad run of an incident.
type Example struct {
	Probe      string
	Credential string // that the probe acted as; empty for none
	At         time.Time
	Class      probe.Class
	Code       int
	Reason     string
	Blame      probe.Blame // who caused the failure, if known
	Excerpt    string
	Trace      probe.TraceID
	Span       probe.SpanID // root span of that trace
}

// Event is what a transition announces.
type Event string

// The events. In capitals, each is also the first word of its messages.
const (
	EventFiring   Event = "firing"
	EventUpdate   Event = "update" // it still fires: a reminder, a higher severity, another culprit, overdue, or series that joined it
	EventResolved Event = "resolved"
	EventEnded    Event = "ended" // it ended without a recovery: its rule, or what the rule watched, was removed
	EventTest     Event = "test"  // a person tests a notifier; there is no incident
)

// Ends reports whether the incident is over.
func (e Event) Ends() bool { return e == EventResolved || e == EventEnded }

// Fires reports whether a destination that received this event last shows the incident as firing.
func (e Event) Fires() bool { return e == EventFiring || e == EventUpdate }

// Ended reports whether the incident ended without a recovery; EndReason then says why.
func (i *Incident) Ended() bool { return !i.Resolved.IsZero() && i.EndReason != "" }

// Transition is a change to announce, with the incident at that time.
type Transition struct {
	At       time.Time
	Event    Event
	Incident Incident
	Notify   []string // names of the notifiers to notify; all when empty
	Muted    bool     // not announced: it is silenced, or its FIRING was not announced
	Alone    bool     // the end is announced even if FIRING was not: the kind announces only the end
	Digest   string   // changes with the same digest become one message, even if their rules differ; mostly empty
	// Reannounced means that nothing changed: the transition is for notifiers that never received FIRING of the incident.
	Reannounced bool
	State       SeriesState
	Leaders     []SeriesState // states of the incidents that this one joined: their messages must name it, also after a restart
}

// RunCount is a number of runs, and how many of them were bad.
type RunCount struct{ Runs, Bad int }

// SeriesState is the state of one series that survives a restart. It is plain data, stored as JSON.
type SeriesState struct {
	Rule   string
	Series string
	State  State

	Changed   time.Time // when the state was entered
	Crossed   time.Time // when the threshold was crossed
	Fired     time.Time // when the incident began
	FiredWith RunCount  // as in [Incident]
	Notified  time.Time `json:"Told"` // when the last message about it was due
	Resolved  time.Time // when it ended last; zero while it fires

	Incident     string        // its identifier; empty before the first incident
	Announced    bool          // FIRING was announced
	Paused       time.Duration // total time in which it was over before it reopened
	Reopened     int
	Flapping     bool      // it is held open
	Counts       string    // how the rule counted; empty in states of an older version
	Unrecovered  []string  // for a group: probes that were bad in the incident and have had no good run since
	Quiet        time.Time // while held open: since when it is clear; zero while it is not
	Overdue      bool
	Severity     Severity // as last announced
	Acknowledged *Acknowledgement
	Examples     []Example
	Figures      *Figures  // as counted last while it fired; nil when it never fired
	Bad          BadSpan   // bad runs of the incident
	Next         BadSpan   // while pending: bad runs since the threshold was crossed
	After        BadSpan   // bad runs since the incident ended
	Verdicts     *Verdicts // whose fault it is; nil when no run says
	Onset        time.Time // first of the bad runs in a row that crossed the threshold
	Cause        *Cause    // series that joined the incident; nil for none
	Leader       string    // as in [Incident]
	LeaderUntil  time.Time // when it leaves Leader if their culprits still differ; zero for no such time
	Owed         *Incident // the incident as it ended during a silence, kept until its end is announced; mostly nil
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
	Since     time.Time // as in [Incident], while pending or firing; zero while inactive
	Fired     time.Time // as in [Incident], like the next three; zero unless it fires
	FirstBad  time.Time
	LastBad   time.Time
	BadRuns   int

	Blame    probe.Blame // as in [Incident], like the next two, while pending or firing
	Evidence []probe.Evidence
	Advice   string

	SilencedUntil time.Time // zero when no silence applies
	CoveredBy     string    // rule and series of the incident that announces the same runs, or that it joined; mostly empty
}
