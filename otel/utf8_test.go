package otel_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"squarewatch/probe"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// TestInvalidUTF8IsRepaired records a run that was redirected to /caf%E9. Protobuf refuses the whole batch for one text that is not UTF-8.
func TestInvalidUTF8IsRepaired(t *testing.T) {
	const foreign = "caf\xe9"
	r := renewingRun()
	r.Expected, r.Reason, r.Excerpt = false, foreign, foreign
	for i := range r.Renewals {
		r.Renewals[i].Error = foreign
	}
	a := &r.Attempts[0]
	a.URL, a.Template, a.Error, a.Protocol, a.Class = "https://api.example.com/"+foreign, "/"+foreign, foreign, foreign, probe.ProtocolError
	recorder, exporter, _ := newRecorder(t)
	recorder.Finished(r)
	for _, span := range exporter.GetSpans() {
		for _, text := range textsOf(&span) {
			if !utf8.ValidString(text) {
				t.Errorf("want only UTF-8 in the span %q, got %q", strings.ToValidUTF8(span.Name, "?"), text)
			}
		}
	}
}

func textsOf(span *tracetest.SpanStub) []string {
	texts := []string{span.Name, span.Status.Description}
	attributes := append([]attribute.KeyValue{}, span.Attributes...)
	for _, event := range span.Events {
		texts = append(texts, event.Name)
		attributes = append(attributes, event.Attributes...)
	}
	for _, a := range attributes {
		texts = append(texts, a.Value.String())
	}
	return texts
}
