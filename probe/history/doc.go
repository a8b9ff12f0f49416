// Package history stores runs and their roll-ups in SQLite. People can read the tables with the sqlite3 shell.
//
// The [Writer] is a sink: it accepts results without blocking and writes them at most five times a second. A failing disk stops
// only the history; probing and alerting continue. The [Store] reads the history for alerting after a restart and for a backtest.
package history
