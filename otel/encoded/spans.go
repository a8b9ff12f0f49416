package encoded

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The fields of TracesData, ResourceSpans, ScopeSpans, Span and their parts, see
// https://github.com/open-telemetry/opentelemetry-proto/blob/v1.9.0/opentelemetry/proto/trace/v1/trace.proto.
const (
	fieldResourceSpans = 1

	fieldResource, fieldScopeSpans, fieldResourceSchema = 1, 2, 3
	fieldResourceAttributes                             = 1

	fieldScope, fieldSpans, fieldScopeSchema = 1, 2, 3
	fieldScopeName, fieldScopeVersion        = 1, 2

	fieldTraceID, fieldSpanID, fieldParent, fieldName, fieldKind = 1, 2, 4, 5, 6
	fieldStart, fieldEnd, fieldAttributes, fieldDropped          = 7, 8, 9, 10
	fieldEvents, fieldLinks, fieldStatus, fieldFlags             = 11, 13, 15, 16

	fieldEventTime, fieldEventName, fieldEventAttributes = 1, 2, 3
	fieldLinkTrace, fieldLinkSpan, fieldLinkFlags        = 1, 2, 6
	fieldStatusMessage, fieldStatusCode                  = 2, 3
)

const (
	statusError = 2
	// flags says that the trace is sampled, and that the parent is known and of this process; SpanFlags in trace.proto.
	flags = uint32(trace.FlagsSampled) | 0x100
)

// Span has the fields that every span has.
type Span struct {
	Trace      trace.TraceID
	ID, Parent trace.SpanID // Parent is zero for a root
	Name       string
	Kind       trace.SpanKind // its numbers are those of the protocol
	Start, End time.Time
}

// Spans encodes spans one after another. For each span, call Begin, then the methods that add to it, then Close.
type Spans struct {
	encoded    message
	count      int
	limits     sdktrace.SpanLimits
	begin      int // of the span that is open
	attributes int // of the span that is open, also those beyond the limit
}

// NewSpans returns a writer without spans. It applies two of the limits: the length of a text, and the number of attributes of a span.
func NewSpans(limits sdktrace.SpanLimits) *Spans { return &Spans{limits: limits} }

// Reset removes all spans and keeps the memory.
func (s *Spans) Reset() { s.encoded, s.count = s.encoded[:0], 0 }

// Begin opens a span.
func (s *Spans) Begin(span *Span) {
	s.count++
	s.attributes = 0
	m := &s.encoded
	s.begin = m.open(fieldSpans)
	m.bytes(fieldTraceID, span.Trace[:])
	m.bytes(fieldSpanID, span.ID[:])
	if span.Parent.IsValid() {
		m.bytes(fieldParent, span.Parent[:])
	}
	m.text(fieldName, span.Name)
	m.number(fieldKind, uint64(trace.ValidateSpanKind(span.Kind)))
	m.time(fieldStart, span.Start)
	m.time(fieldEnd, span.End)
	m.fixed32(fieldFlags, flags)
}

// Set adds an attribute to the open span, whose attributes must have different keys.
func (s *Spans) Set(a attribute.KeyValue) {
	s.attributes++
	if limit := s.limits.AttributeCountLimit; limit < 0 || s.attributes <= limit {
		s.encoded.attribute(fieldAttributes, a, s.limits.AttributeValueLengthLimit)
	}
}

// Event adds an event with one attribute to the open span.
func (s *Spans) Event(name string, at time.Time, a attribute.KeyValue) {
	m := &s.encoded
	begin := m.open(fieldEvents)
	m.time(fieldEventTime, at)
	m.text(fieldEventName, name)
	m.attribute(fieldEventAttributes, a, s.limits.AttributeValueLengthLimit)
	m.close(begin)
}

// Link adds a link to a span of another trace to the open span.
func (s *Spans) Link(to trace.TraceID, span trace.SpanID) {
	m := &s.encoded
	begin := m.open(fieldLinks)
	m.bytes(fieldLinkTrace, to[:])
	m.bytes(fieldLinkSpan, span[:])
	m.fixed32(fieldLinkFlags, flags)
	m.close(begin)
}

// Fail marks the open span as an error.
func (s *Spans) Fail(why string) {
	m := &s.encoded
	begin := m.open(fieldStatus)
	m.text(fieldStatusMessage, why)
	m.number(fieldStatusCode, statusError)
	m.close(begin)
}

// Close ends the open span.
func (s *Spans) Close() {
	if limit := s.limits.AttributeCountLimit; limit >= 0 && s.attributes > limit {
		s.encoded.number(fieldDropped, uint64(s.attributes-limit))
	}
	s.encoded.close(s.begin)
}

// Count returns how many spans were written.
func (s *Spans) Count() int { return s.count }

// Bytes returns the spans for [Origin.Request]. They are valid until Reset.
func (s *Spans) Bytes() []byte { return s.encoded }
