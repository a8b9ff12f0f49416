// Package alert evaluates rules: it decides when too many runs are bad, and when that is over.
//
// A [Rule] counts runs. It has one series of counts for each probe, one for each credential, or one for all probes. For every series the
// [Engine] keeps a window and a small state machine:
//
//	inactive ── rate ≥ threshold ──▶ pending ── held for `for` ──▶ firing ── rate < clear ──▶ inactive
//
// The engine is a pure function of results and time, so that the daemon, the tests and a backtest run the same code. It returns a
// [Transition] for each change; package outbox delivers them.
package alert
