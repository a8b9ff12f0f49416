// Package history keeps runs and their roll-ups in SQLite, readable with the sqlite3 shell.
//
// The [Writer] is a sink of probing: it takes results without waiting and writes them five times a second. A disk that fails costs
// history and nothing else. The [Store] answers what alerting needs after a restart, and what a backtest goes through.
package history
