// Package encoded writes spans in the encoding of OTLP, and passes them on without reading them.
//
// The spans of a run are known when it has ended, so they are written as bytes at once. The SDK of OpenTelemetry would make an object of
// each, another one of the protocol, and bytes of that: several times the CPU time of all else that squarewatch does for a run.
package encoded
