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

// nextIDs holds the identifiers of the next span that is started with its context. One goroutine writes the spans of a run one after the
// other, so one value serves all of them.
type nextIDs struct {
	trace trace.TraceID
	span  trace.SpanID
}

type nextIDsKey struct{}

// withNextIDs returns a context for the spans of one trace, and the identifiers to set before each of them.
func withNextIDs(ctx context.Context, traceID probe.TraceID) (context.Context, *nextIDs) {
	next := &nextIDs{trace: trace.TraceID(traceID)}
	return context.WithValue(ctx, nextIDsKey{}, next), next
}

// popSpan returns the identifier that was set, or a random one if none was set since the last call.
func (n *nextIDs) popSpan() trace.SpanID {
	span := n.span
	n.span = trace.SpanID{}
	if !span.IsValid() {
		span = randomSpanID()
	}
	return span
}

// idGenerator gives the SDK the identifiers that were chosen before the span was written, or random ones if none were chosen.
type idGenerator struct{}

// NewIDs returns the identifiers of a root span.
func (idGenerator) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	next, ok := ctx.Value(nextIDsKey{}).(*nextIDs)
	if !ok || !next.trace.IsValid() {
		return randomTraceID(), randomSpanID()
	}
	return next.trace, next.popSpan()
}

// NewSpanID returns the identifier of a span that has a parent.
func (idGenerator) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if next, ok := ctx.Value(nextIDsKey{}).(*nextIDs); ok {
		return next.popSpan()
	}
	return randomSpanID()
}
