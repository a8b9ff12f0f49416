// Package alert decides when a share of bad answers is a problem, and sees to it that people hear of it once, and hear when it is over.
//
// A [Rule] counts runs in series (a probe, a credential, or all of them). For every series the [Engine] keeps a window of
// counts and a small state machine:
//
//	inactive ── rate ≥ threshold ──▶ pending ── held for `for` ──▶ firing ── rate < clear ──▶ inactive
//
// It is a pure function of results and time, so that the daemon, the tests and a backtest run the same code. What it
// returns, a [Transition], becomes a [Notification] for every notifier of the rule; the [Outbox] keeps it until the
// [Notifier] has delivered it.
package alert
