package otel

import (
	"context"
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

// NewAttempt returns the identifier of an attempt's span and puts it on the request as a W3C traceparent. The sampled flag
// is always set: whether the trace is kept is known only when the run has ended.
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

// randomTraceID draws from the runtime's ChaCha8 source, which takes no lock; identifiers must be unique, not secret.
func randomTraceID() (id trace.TraceID) {
	for !id.IsValid() {
		binary.BigEndian.PutUint64(id[:8], rand.Uint64()) //nolint:gosec // an identifier is no secret
		binary.BigEndian.PutUint64(id[8:], rand.Uint64()) //nolint:gosec // an identifier is no secret
	}
	return id
}

func randomSpanID() (id trace.SpanID) {
	for !id.IsValid() {
		binary.BigEndian.PutUint64(id[:], rand.Uint64()) //nolint:gosec // an identifier is no secret
	}
	return id
}

// identity is what the next span that is started below its context will be called. One goroutine writes the spans of a
// run one after the other, so a single identity serves them all.
type identity struct {
	trace trace.TraceID
	span  trace.SpanID
}

type identityKey struct{}

// withIdentity returns a context for the spans of one trace, and the identity to set before each of them.
func withIdentity(ctx context.Context, traceID probe.TraceID) (context.Context, *identity) {
	next := &identity{trace: trace.TraceID(traceID)}
	return context.WithValue(ctx, identityKey{}, next), next
}

// take returns the chosen identifier of a span and forgets it, so that the next span gets another one.
func (i *identity) take() trace.SpanID {
	span := i.span
	i.span = trace.SpanID{}
	if !span.IsValid() {
		span = randomSpanID()
	}
	return span
}

// generator gives the SDK the identifiers that were chosen before the span was written, and random ones where none were.
type generator struct{}

// NewIDs returns the identifiers of a root span.
func (generator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	next, ok := ctx.Value(identityKey{}).(*identity)
	if !ok || !next.trace.IsValid() {
		return randomTraceID(), randomSpanID()
	}
	return next.trace, next.take()
}

// NewSpanID returns the identifier of a span that has a parent.
func (generator) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if next, ok := ctx.Value(identityKey{}).(*identity); ok {
		return next.take()
	}
	return randomSpanID()
}
