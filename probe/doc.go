// Package probe defines probes and makes their runs.
//
// A [Probe] is a named, scheduled request with expectations. Package dispatch decides when a run starts, and the [Runner] makes
// it. A run consists of one or more [Attempt]s, each an HTTP exchange that is divided into [Phase]s. A try is a first
// attempt and those that follow from it: redirects, the repetition after a connection broke, and the one with a renewed credential. A run
// has one try, or several with [Confirm]. A [Look] is a small extra request that helps to find whose fault a failure is.
//
// The outcome is one [Result] with a [Class]; a [Selector] matches outcomes. Every [Sink] receives the result. Telemetry, history
// and alerting are sinks, and this package does not know them.
package probe
