package otel_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// sentSpans decodes requests of spans with the protocol's generated code.
type sentSpans struct {
	t   *testing.T
	all tracetest.SpanStubs
}

// GetSpans returns the spans so far.
func (s *sentSpans) GetSpans() tracetest.SpanStubs { return s.all }

func (s *sentSpans) read(request []byte) {
	s.t.Helper()
	var traces tracepb.TracesData
	if err := (proto.UnmarshalOptions{}).Unmarshal(request, &traces); err != nil {
		s.t.Fatal(err)
	}
	for _, resource := range traces.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			if got := scope.GetScope().GetName(); got != "squarewatch" {
				s.t.Errorf("want the scope squarewatch, got %q", got)
			}
			for _, span := range scope.GetSpans() {
				s.all = append(s.all, stub(span))
			}
		}
	}
}

// stub returns a span of the protocol as the SDK's type for tests.
func stub(s *tracepb.Span) tracetest.SpanStub {
	stub := tracetest.SpanStub{
		Name: s.GetName(), SpanContext: spanContext(s.GetTraceId(), s.GetSpanId(), s.GetFlags()),
		Parent:    spanContext(s.GetTraceId(), s.GetParentSpanId(), s.GetFlags()),
		SpanKind:  trace.SpanKind(s.GetKind()),
		StartTime: time.Unix(0, int64(s.GetStartTimeUnixNano())), EndTime: time.Unix(0, int64(s.GetEndTimeUnixNano())),
		Attributes: attributesOf(s.GetAttributes()),
	}
	if s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR {
		stub.Status = sdktrace.Status{Code: codes.Error, Description: s.GetStatus().GetMessage()}
	}
	for _, e := range s.GetEvents() {
		stub.Events = append(stub.Events, sdktrace.Event{
			Name: e.GetName(), Time: time.Unix(0, int64(e.GetTimeUnixNano())), Attributes: attributesOf(e.GetAttributes()),
		})
	}
	for _, l := range s.GetLinks() {
		stub.Links = append(stub.Links, sdktrace.Link{SpanContext: spanContext(l.GetTraceId(), l.GetSpanId(), l.GetFlags())})
	}
	return stub
}

func spanContext(traceID, span []byte, flags uint32) trace.SpanContext {
	var config trace.SpanContextConfig
	copy(config.TraceID[:], traceID)
	copy(config.SpanID[:], span)
	config.TraceFlags = trace.TraceFlags(flags)
	return trace.NewSpanContext(config)
}

func attributesOf(all []*commonpb.KeyValue) (list []attribute.KeyValue) {
	for _, a := range all {
		key := attribute.Key(a.GetKey())
		switch value := a.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			list = append(list, key.String(value.StringValue))
		case *commonpb.AnyValue_BoolValue:
			list = append(list, key.Bool(value.BoolValue))
		case *commonpb.AnyValue_IntValue:
			list = append(list, key.Int64(value.IntValue))
		case *commonpb.AnyValue_DoubleValue:
			list = append(list, key.Float64(value.DoubleValue))
		case *commonpb.AnyValue_ArrayValue:
			var texts []string
			for _, text := range value.ArrayValue.GetValues() {
				texts = append(texts, text.GetStringValue())
			}
			list = append(list, key.StringSlice(texts))
		}
	}
	return list
}
