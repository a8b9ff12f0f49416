// Package probe defines probes and makes their runs.
//
// A [Probe] is a named, scheduled request with expectations. Package dispatch decides when a run starts. The [Runner] makes it:
// one or more [Attempt]s, each an HTTP exchange that is divided into [Phase]s. The outcome is one [Result] with a [Class]; a
// [Selector] matches outcomes. Every [Sink] receives the result. Telemetry, history and alerting are sinks, and this package
// does not know them.
package probe
