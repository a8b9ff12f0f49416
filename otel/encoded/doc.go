// Package encoded writes spans in the encoding of OTLP, and passes encoded spans on without decoding them.
//
// All spans of a run are known when the run has ended, so they are encoded at once. The SDK of OpenTelemetry would make an object of each
// span, then a message of the protocol, and then the bytes. That takes several times the CPU time of all else that squarewatch does for a
// run.
package encoded
