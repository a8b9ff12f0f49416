package otel

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"

	"squarewatch/probe"

	"go.opentelemetry.io/otel/trace"
)

// NewRun returns the identifiers of a run's trace and root span.
func (r *Recorder) NewRun() (probe.TraceID, probe.SpanID) {
	return probe.TraceID(randomTraceID()), probe.SpanID(randomSpanID())
}

// NewAttempt returns the identifier of an attempt's span and sets the request's W3C traceparent header
// (https://www.w3.org/TR/trace-context/#traceparent-header). The sampled flag is always set, because it is known only after the run
// whether its trace is kept.
func (r *Recorder) NewAttempt(traceID probe.TraceID, header http.Header) probe.SpanID {
	span := probe.SpanID(randomSpanID())
	header.Set("Traceparent", traceparent(traceID, span))
	return span
}

// traceparent returns 00-<trace>-<span>-01.
func traceparent(traceID probe.TraceID, span probe.SpanID) string {
	text := make([]byte, 0, len("00-")+2*len(traceID)+len("-")+2*len(span)+len("-01"))
	text = append(text, "00-"...)
	text = hex.AppendEncode(text, traceID[:])
	text = append(text, '-')
	text = hex.AppendEncode(text, span[:])
	return string(append(text, "-01"...))
}

// randomTraceID uses the ChaCha8 generator of the runtime, which needs no lock. Identifiers must be unique but not secret.
func randomTraceID() (id trace.TraceID) {
	for !id.IsValid() {
		binary.BigEndian.PutUint64(id[:8], rand.Uint64()) //nolint:gosec // an identifier is not secret
		binary.BigEndian.PutUint64(id[8:], rand.Uint64()) //nolint:gosec // an identifier is not secret
	}
	return id
}

func randomSpanID() (id trace.SpanID) {
	for !id.IsValid() {
		binary.BigEndian.PutUint64(id[:], rand.Uint64()) //nolint:gosec // an identifier is not secret
	}
	return id
}

// known returns an identifier, or a random one when it is zero.
func known(span probe.SpanID) trace.SpanID {
	if id := trace.SpanID(span); id.IsValid() {
		return id
	}
	return randomSpanID()
}
