// Package alert evaluates rules: it decides when too many runs are bad, and when that is over.
//
// A [Rule] counts runs in series (a probe, a credential, or all of them). For every series the [Engine] keeps a window of
// counts and a small state machine:
//
//	inactive ── rate ≥ threshold ──▶ pending ── held for `for` ──▶ firing ── rate < clear ──▶ inactive
//
// The engine is a pure function of results and time, so that the daemon, the tests and a backtest run the same code. What it
// returns, a [Transition], is delivered by package outbox.
package alert
