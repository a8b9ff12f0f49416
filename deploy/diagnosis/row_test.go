//go:build diagnosis

package diagnosis_test

import (
	"slices"
	"time"
)

// culprit is whose fault it is, by the names of the status API's field blame.
type culprit string

const (
	api        culprit = "api"        // the API, its name or its certificate
	gateway    culprit = "gateway"    // what stands before the API and answers for it
	login      culprit = "login"      // the API's login service
	credential culprit = "credential" // our key, password or account
	role       culprit = "role"       // what our account may do
	network    culprit = "network"    // our network or our proxy
	resolver   culprit = "resolver"   // the DNS server that we ask
	watcher    culprit = "watcher"    // squarewatch or its machine
	leak       culprit = "leak"       // the API lets strangers in
	unknown    culprit = "unknown"    // what was seen does not tell
	nobody     culprit = "nobody"     // no message is due
)

// isDelicate reports whether a message with this culprit is about security, or asks us to mend something. A wrong one is worse than others.
func (c culprit) isDelicate() bool {
	return slices.Contains([]culprit{leak, credential, role, network, resolver, watcher}, c)
}

// row is one fault and what its messages must say. It was written from what is broken, before the code that finds the culprit.
type row struct {
	name  string
	ref   string // number in the list of known faults; empty for others
	hard  bool   // the newest answer alone does not tell the culprit
	setup setup
	harm  action        // what breaks
	lasts time.Duration // how long it is broken; 18 s when zero
	want  []culprit     // the right one first; others that are as right
	ends  bool          // only the end is announced, because nothing could be delivered before
	says  string        // pattern that a FIRING or UPDATE must match; empty for none
	never string        // pattern that no message may match; empty for none
}

// action changes a stage. Everything that an action does is undone by the stage's heal.
type action func(*stage) error

// both does two things at once.
func both(actions ...action) action {
	return func(s *stage) error {
		for _, do := range actions {
			if err := do(s); err != nil {
				return err
			}
		}
		return nil
	}
}

// later does something a while after the fault began.
func later(after time.Duration, do action) action {
	return func(s *stage) error {
		s.after(after, func() error { return do(s) })
		return nil
	}
}

// setup is what the file of a row has beyond the default. The zero value is a file with an API key and the default rules, 30 times as fast.
type setup struct {
	smallest     bool          // no rules in the file: the default ones, with their window of 5 minutes
	wide         bool          // a rule for every unexpected answer
	login        bool          // the credential is a login whose tokens last 6 seconds
	long         bool          // the tokens of the login last a week
	two          bool          // a second credential
	name         bool          // the target is a name that the stage's own DNS server resolves
	tls          bool          // the target has TLS
	proxy        bool          // the way to the target leads through a proxy of ours
	connectivity bool          // an address that is nearly always reachable is known
	timeout      time.Duration // of a run; 2 s when zero
	bot          bool          // messages are posted by a bot, which can change them
	calm         bool          // probes run every 2 seconds, so that a run may take longer before it counts as missed
	django       *django       // the target is the real stack; nil for the stand-in
}
