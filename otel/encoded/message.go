package encoded

import (
	"math"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"google.golang.org/protobuf/encoding/protowire"
)

// message is a Protobuf message that is being written, in the encoding of https://protobuf.dev/programming-guides/encoding/.
type message []byte

// open begins a message in a field. It returns what close needs.
func (m *message) open(field protowire.Number) (begin int) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	return len(*m)
}

// close ends a message that open began: it writes the length before its content.
func (m *message) close(begin int) {
	var space [10]byte
	length := protowire.AppendVarint(space[:0], uint64(len(*m)-begin))
	*m = slices.Insert(*m, begin, length...)
}

// text writes a text. It replaces bytes that are not UTF-8: a reader refuses a whole request for one such text, for example a URL that an
// API redirects to.
func (m *message) text(field protowire.Number, text string) {
	*m = protowire.AppendString(protowire.AppendTag(*m, field, protowire.BytesType), strings.ToValidUTF8(text, "\uFFFD"))
}

func (m *message) bytes(field protowire.Number, content []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), content)
}

func (m *message) number(field protowire.Number, number uint64) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), number)
}

func (m *message) fixed32(field protowire.Number, number uint32) {
	*m = protowire.AppendFixed32(protowire.AppendTag(*m, field, protowire.Fixed32Type), number)
}

func (m *message) fixed64(field protowire.Number, number uint64) {
	*m = protowire.AppendFixed64(protowire.AppendTag(*m, field, protowire.Fixed64Type), number)
}

// time writes a time in nanoseconds since 1970. It writes 0 for an earlier time.
func (m *message) time(field protowire.Number, t time.Time) {
	m.fixed64(field, uint64(max(0, t.UnixNano())))
}

// The fields of KeyValue, AnyValue and ArrayValue, see
// https://github.com/open-telemetry/opentelemetry-proto/blob/v1.9.0/opentelemetry/proto/common/v1/common.proto.
const (
	fieldKey, fieldValue                                     = 1, 2
	fieldString, fieldBool, fieldInt, fieldDouble, fieldList = 1, 2, 3, 4, 5
	fieldElement                                             = 1
)

// attribute writes an attribute. It cuts texts to limit characters; a negative limit cuts nothing.
func (m *message) attribute(field protowire.Number, a attribute.KeyValue, limit int) {
	begin := m.open(field)
	m.text(fieldKey, string(a.Key))
	value := m.open(fieldValue)
	switch a.Value.Type() { //nolint:exhaustive // squarewatch has none of another kind
	case attribute.BOOL:
		m.number(fieldBool, protowire.EncodeBool(a.Value.AsBool()))
	case attribute.INT64:
		m.number(fieldInt, uint64(a.Value.AsInt64()))
	case attribute.FLOAT64:
		m.fixed64(fieldDouble, math.Float64bits(a.Value.AsFloat64()))
	case attribute.STRING:
		m.text(fieldString, cut(a.Value.AsString(), limit))
	case attribute.STRINGSLICE:
		list := m.open(fieldList)
		for _, text := range a.Value.AsStringSlice() {
			element := m.open(fieldElement)
			m.text(fieldString, cut(text, limit))
			m.close(element)
		}
		m.close(list)
	default:
		m.text(fieldString, cut(a.Value.String(), limit))
	}
	m.close(value)
	m.close(begin)
}

// cut returns the first limit characters of a text, or all of them when the limit is negative.
func cut(text string, limit int) string {
	if limit < 0 || len(text) <= limit {
		return text
	}
	for at := range text {
		if limit == 0 {
			return text[:at]
		}
		limit--
	}
	return text
}
