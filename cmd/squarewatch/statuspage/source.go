package statuspage

import (
	"context"
	"time"

	"squarewatch/alert"
	"squarewatch/alert/outbox"
	"squarewatch/probe"
	"squarewatch/probe/history"
)

// Snapshot is what the daemon knows at one time. It is plain data and does not change.
type Snapshot struct {
	Now       time.Time
	Started   time.Time // when the daemon started
	Target    string    // host of the API
	Location  string    // of this host; empty for none
	URL       string    // its scheme and host
	Version   string
	TraceURL  string // address of a trace with {trace_id}; empty for none
	Support   string // whom to ask at AISquare; empty when the file names no contact
	Probes    []Probe
	Rules     []alert.Rule
	Series    []alert.Status
	Firing    []alert.Incident // oldest first
	Ended     []alert.Incident // of the last seven days, newest first
	Notifiers []outbox.Backlog
	Faults    []string // what does not work in squarewatch itself
	Kept      bool     // there is a state_dir: history survives a restart

	Credentials []Credential
	MissedToday int       // runs of all probes, since midnight UTC
	Traces      TraceFate // of the runs that end now; zero when it is not known

	Loaded  time.Time   // when the configuration was loaded
	File    string      // the first digits of the SHA-256 of its file; empty where it comes from no file
	Loads   []time.Time // when a configuration came into force, by a start or a reload, oldest first
	Differs string      // why the file is another one than what runs; empty when it is the same

	Silences []alert.Silence // and maintenance of the last seven days, also what has ended
}

// Probe is a probe with what is known of its runs.
type Probe struct {
	Settings *probe.Probe
	Recent   Recent
}

// Credential is a credential with what is known of it.
type Credential struct {
	probe.Validity

	Name      string
	Renewable bool // the credential logs in to get its token
}

// Source holds the functions that a server reads from. Many goroutines may call them at the same time.
type Source struct {
	Snapshot func(ctx context.Context, now time.Time) *Snapshot
	History  func() *history.Store // returns nil while there is none
	Store    func() *outbox.Store  // of ended incidents; returns nil while there is none
	// Fate says whether the collector has the trace of a run; nil when that is not known.
	Fate func(r *probe.Result) TraceFate
	// Backtest evaluates the stored history with a rule in place of the rule with the same name.
	Backtest func(ctx context.Context, rule *alert.Rule, since time.Duration) (Backtest, error)
}

// Backtest is when a rule would have fired.
type Backtest struct {
	Runs  int       `json:"runs"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	Fired []Firing  `json:"fired"` // in order
}

// End records that the incident of a series is over.
func (b *Backtest) End(series string, at time.Time) {
	for i := range b.Fired {
		if b.Fired[i].Series == series && b.Fired[i].Over.IsZero() {
			b.Fired[i].Over = at
		}
	}
}

// Firing is one incident of a backtest.
type Firing struct {
	Series string    `json:"series"`
	At     time.Time `json:"at"`
	Over   time.Time `json:"over"` // zero while it fires
}
