package encoded_test

import (
	"strings"
	"testing"
	"time"

	"squarewatch/otel/encoded"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

var (
	traceID = trace.TraceID{1, 2}
	spanID  = trace.SpanID{3}
	long    = strings.Repeat("ä", 200) // 400 bytes: its length takes two bytes
)

// write writes one span that has every kind of field, and one that has only what every span has.
func write(s *encoded.Spans) {
	s.Begin(&encoded.Span{
		Trace: traceID, ID: spanID, Parent: trace.SpanID{4}, Name: "a", Kind: trace.SpanKindClient,
		Start: time.Unix(1, 5), End: time.Unix(2, 0),
	})
	s.Set(attribute.String("text", long))
	s.Set(attribute.Bool("yes", true))
	s.Set(attribute.Bool("no", false))
	s.Set(attribute.Int("number", -7))
	s.Set(attribute.Float64("share", 0.25))
	s.Set(attribute.StringSlice("list", []string{"x", "", long}))
	s.Set(attribute.String("broken", "a\xffb"))
	s.Event("answer", time.Unix(2, 0), attribute.String("excerpt", "database is away"))
	s.Link(trace.TraceID{9}, trace.SpanID{8})
	s.Fail("500, want 2xx")
	s.Close()
	s.Begin(&encoded.Span{Trace: traceID, ID: trace.SpanID{5}, Name: "b", Start: time.Unix(0, 0).Add(-time.Second), End: time.Unix(1, 0)})
	s.Close()
}

func text(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func keyValue(key string, value *commonpb.AnyValue) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: value}
}

// wantSpans returns what write writes, as messages of the protocol's generated code.
func wantSpans() []*tracepb.Span {
	const flags = 0x101 // sampled, and the parent is not remote
	return []*tracepb.Span{{
		TraceId: traceID[:], SpanId: spanID[:], ParentSpanId: []byte{4, 0, 0, 0, 0, 0, 0, 0}, Name: "a",
		Kind: tracepb.Span_SPAN_KIND_CLIENT, StartTimeUnixNano: 1e9 + 5, EndTimeUnixNano: 2e9, Flags: flags,
		Attributes: []*commonpb.KeyValue{
			keyValue("text", text(long)),
			keyValue("yes", &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}),
			keyValue("no", &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{}}),
			keyValue("number", &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: -7}}),
			keyValue("share", &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: 0.25}}),
			keyValue("list", &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{
				ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{text("x"), text(""), text(long)}},
			}}),
			keyValue("broken", text("a\uFFFDb")),
		},
		Events: []*tracepb.Span_Event{{
			TimeUnixNano: 2e9, Name: "answer", Attributes: []*commonpb.KeyValue{keyValue("excerpt", text("database is away"))},
		}},
		Links: []*tracepb.Span_Link{{
			TraceId: append([]byte{9}, make([]byte, 15)...), SpanId: append([]byte{8}, make([]byte, 7)...), Flags: flags,
		}},
		Status: &tracepb.Status{Message: "500, want 2xx", Code: tracepb.Status_STATUS_CODE_ERROR},
	}, {
		TraceId: traceID[:], SpanId: append([]byte{5}, make([]byte, 7)...), Name: "b",
		Kind: tracepb.Span_SPAN_KIND_INTERNAL, EndTimeUnixNano: 1e9, Flags: flags,
	}}
}

// request returns a request with what write writes.
func request(limits sdktrace.SpanLimits) (request []byte, count int) {
	spans := encoded.NewSpans(limits)
	write(spans)
	origin := encoded.NewOrigin(resource.NewWithAttributes("https://a/resource", attribute.String("service.name", "x")),
		instrumentation.Scope{Name: "scope", Version: "1", SchemaURL: "https://a/scope"})
	return origin.Request(spans.Bytes()), spans.Count()
}

// TestTheGeneratedCodeReadsWhatIsWritten decodes the bytes with the protocol's generated code, and compares the fields with what was
// written.
func TestTheGeneratedCodeReadsWhatIsWritten(t *testing.T) {
	body, count := request(sdktrace.NewSpanLimits())
	var got tracepb.TracesData
	if err := proto.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	want := &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:  &resourcepb.Resource{Attributes: []*commonpb.KeyValue{keyValue("service.name", text("x"))}},
		SchemaUrl: "https://a/resource",
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &commonpb.InstrumentationScope{Name: "scope", Version: "1"}, SchemaUrl: "https://a/scope", Spans: wantSpans(),
		}},
	}}}
	if diff := cmp.Diff(want, &got, protocmp.Transform()); diff != "" || count != 2 {
		t.Errorf("%d spans (-want +got):\n%s", count, diff)
	}
}

// TestLimits checks the limits that the specification has for attributes
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#attribute-limits).
func TestLimits(t *testing.T) {
	limits := sdktrace.NewSpanLimits()
	limits.AttributeValueLengthLimit, limits.AttributeCountLimit = 3, 6
	body, _ := request(limits)
	var got tracepb.TracesData
	if err := proto.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	span := got.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0]
	if n := len(span.GetAttributes()); n != 6 || span.GetDroppedAttributesCount() != 1 {
		t.Errorf("want 6 attributes and 1 dropped, got %d and %d", n, span.GetDroppedAttributesCount())
	}
	list := span.GetAttributes()[5].GetValue().GetArrayValue().GetValues()
	for want, got := range map[string]string{
		"äää": span.GetAttributes()[0].GetValue().GetStringValue(), "dat": span.GetEvents()[0].GetAttributes()[0].GetValue().GetStringValue(),
		"x": list[0].GetStringValue(), "": list[1].GetStringValue(),
	} {
		if got != want {
			t.Errorf("want %q, got %q", want, got)
		}
	}
}

// TestUnreadMessagesAreSentAsTheyAre encodes messages that were not decoded, as the clients of OTLP do.
func TestUnreadMessagesAreSentAsTheyAre(t *testing.T) {
	body, _ := request(sdktrace.NewSpanLimits())
	two := append(append([]byte{}, body...), body...)
	unread, err := encoded.Unread(two)
	if err != nil || len(unread) != 2 {
		t.Fatalf("want 2 messages, got %d: %v", len(unread), err)
	}
	sent, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: unread})
	if err != nil || string(sent) != string(two) {
		t.Errorf("want the same bytes, got %d of %d: %v", len(sent), len(two), err)
	}
	for _, message := range unread {
		read, err := encoded.Read(message)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wantSpans(), read.GetScopeSpans()[0].GetSpans(), protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if again, err := encoded.Read(read); again != read || err != nil {
			t.Errorf("want Read to return a decoded message unchanged, got another one or %v", err)
		}
	}
}

// FuzzUnread reads arbitrary bytes, for example a file that another program wrote.
func FuzzUnread(f *testing.F) {
	body, _ := request(sdktrace.NewSpanLimits())
	f.Add(body)
	f.Add(body[:len(body)-1])
	f.Add([]byte{0x12, 0x00})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, request []byte) {
		list, err := encoded.Unread(request)
		if err != nil && list != nil {
			t.Fatalf("want either messages or an error, got %d and %v", len(list), err)
		}
		for _, message := range list {
			_, _ = encoded.Read(message) // must not panic
		}
	})
}

// TestWritingAllocatesNothing counts allocations, which do not depend on the machine.
func TestWritingAllocatesNothing(t *testing.T) {
	spans := encoded.NewSpans(sdktrace.NewSpanLimits())
	r := encoded.Span{Trace: traceID, ID: spanID, Name: "a", Start: time.Unix(1, 0), End: time.Unix(2, 0)}
	if got := testing.AllocsPerRun(100, func() {
		spans.Reset()
		spans.Begin(&r)
		spans.Set(attribute.String("text", long))
		spans.Set(attribute.Int("number", 7))
		spans.Close()
	}); got != 0 {
		t.Errorf("want no allocation, got %v", got)
	}
}
