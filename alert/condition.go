package alert

import (
	"time"

	"squarewatch/probe"
)

// verdict is what a condition says of a series at one moment.
type verdict uint8

const (
	unknown verdict = iota // too little is known: nothing changes
	under                  // good enough to resolve
	between                // neither: what does not fire keeps silent, what fires goes on
	over                   // bad enough to fire
)

// condition judges one series and keeps what it needs for that. It is the state machine's only source, so that a new way
// to judge is a file condition_<name>.go and a line in kinds.
type condition interface {
	// observe takes a finished run, at a time not before its end, and reports whether the rule counts it as bad.
	observe(rule *Rule, r *probe.Result, now time.Time) bool
	// judge says how the series stands, and when passing time alone may change that; zero for never.
	judge(rule *Rule, now time.Time) (verdict, time.Time)
	// describe fills in Rate, Runs, Bad and Classes as they are at now.
	describe(incident *Incident, now time.Time)
}

// kind is a way to judge.
type kind struct {
	begin   func(*Rule) condition
	watches func(*probe.Probe) bool // which probes it can judge
	builtin []Rule                  // rules of this kind that nobody needs to write
}

// kinds returns every way to judge. The first is that of the rules in the file.
func kinds() []kind {
	return []kind{rateKind(), breachKind()}
}
