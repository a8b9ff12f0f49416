package encoded

import (
	"fmt"

	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Origin is where spans come from: a resource and a scope. It holds their encoded fields.
type Origin struct{ resource, resourceSchema, scope, scopeSchema message }

// NewOrigin returns the origin of the spans of a scope.
func NewOrigin(from *resource.Resource, scope instrumentation.Scope) *Origin {
	o := &Origin{}
	begin := o.resource.open(fieldResource)
	for _, a := range from.Attributes() {
		o.resource.attribute(fieldResourceAttributes, a, -1)
	}
	o.resource.close(begin)
	o.resourceSchema.text(fieldResourceSchema, from.SchemaURL())
	begin = o.scope.open(fieldScope)
	o.scope.text(fieldScopeName, scope.Name)
	o.scope.text(fieldScopeVersion, scope.Version)
	o.scope.close(begin)
	o.scopeSchema.text(fieldScopeSchema, scope.SchemaURL)
	return o
}

// Request returns spans with their origin: an ExportTraceServiceRequest, which has the encoding of TracesData.
func (o *Origin) Request(spans []byte) []byte {
	const lengths = 32 // the tags and lengths take at most so many bytes
	all := len(o.resource) + len(o.resourceSchema) + len(o.scope) + len(o.scopeSchema) + len(spans) + lengths
	m := make(message, 0, all)
	begin := m.open(fieldResourceSpans)
	m = append(m, o.resource...)
	beginScope := m.open(fieldScopeSpans)
	m = append(append(append(m, o.scope...), spans...), o.scopeSchema...)
	m.close(beginScope)
	m = append(m, o.resourceSchema...)
	m.close(begin)
	return m
}

// Unread returns the messages of a request without decoding them. A message has its content as unknown fields. Protobuf writes these
// unchanged (https://protobuf.dev/programming-guides/proto3/#unknowns), so a client can send the message. [Read] decodes a message. The
// messages share the memory of the request.
func Unread(request []byte) (list []*tracepb.ResourceSpans, err error) {
	for len(request) > 0 {
		number, kind, n := protowire.ConsumeTag(request)
		if n < 0 {
			return nil, fmt.Errorf("read a request of spans: %w", protowire.ParseError(n))
		}
		if number != fieldResourceSpans || kind != protowire.BytesType {
			return nil, fmt.Errorf("read a request of spans: it has field %d of type %d", number, kind)
		}
		content, length := protowire.ConsumeBytes(request[n:])
		if length < 0 {
			return nil, fmt.Errorf("read a request of spans: %w", protowire.ParseError(length))
		}
		spans := &tracepb.ResourceSpans{}
		spans.ProtoReflect().SetUnknown(content)
		list = append(list, spans)
		request = request[n+length:]
	}
	return list, nil
}

// Read decodes a message of [Unread]. It returns any other message unchanged.
func Read(spans *tracepb.ResourceSpans) (*tracepb.ResourceSpans, error) {
	content := spans.ProtoReflect().GetUnknown()
	if len(content) == 0 || len(spans.GetScopeSpans()) > 0 {
		return spans, nil
	}
	read := &tracepb.ResourceSpans{}
	if err := proto.Unmarshal(content, read); err != nil {
		return nil, fmt.Errorf("read spans: %w", err)
	}
	return read, nil
}
