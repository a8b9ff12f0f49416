// Package probe calls endpoints on a schedule and says what came of it.
//
// A [Probe] is a named, scheduled request with what it expects. The [Dispatcher] decides when a run begins, the [Runner]
// how it goes: one or more [Attempt]s, each an HTTP exchange divided into [Phase]s, and one [Result]. A [Class] sorts what
// came back, a [Selector] picks outcomes by it, and every [Sink] is handed the result: telemetry, history and alerting
// are sinks, and nothing here knows of them.
package probe
