package collector_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"squarewatch/otel/collector"
	"squarewatch/otel/otlperr"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// partialBody is the body of an answer that rejects spans.
func partialBody(f *testing.F, rejected int64, message string) string {
	f.Helper()
	body, err := proto.Marshal(&collectorpb.ExportTraceServiceResponse{
		PartialSuccess: &collectorpb.ExportTracePartialSuccess{RejectedSpans: rejected, ErrorMessage: message},
	})
	if err != nil {
		f.Fatal(err)
	}
	return string(body)
}

// FuzzAnswerOfACollector gives a real exporter any answer to five spans. Spans count as accepted only after a collector has accepted
// them. Each span counts as lost at most once. A pause ends within minutes. The log shows a short part of the answer.
func FuzzAnswerOfACollector(f *testing.F) {
	const protobuf = "application/x-protobuf"
	f.Add(200, protobuf, "", "")
	f.Add(200, protobuf, "", partialBody(f, 3, "too old (9 spans rejected)\n\x1b[31m"))
	f.Add(200, protobuf, "", partialBody(f, -1<<62, ""))
	f.Add(200, "text/html", "", "<title>Log in</title>")
	f.Add(429, protobuf, "99999999999", "slow down")
	f.Add(503, "", "Fri, 31 Dec 9999 23:59:59 GMT", "\xff")
	f.Add(413, "", "", "")
	f.Add(400, "", "", "http: request body too large")
	f.Fuzz(func(t *testing.T, status int, contentType, after, body string) {
		if status < 200 || status > 599 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			transport := collector.NewTransport(fakeTransport(func() *http.Response {
				asked++
				return &http.Response{
					StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(strings.NewReader(body)),
					Header: http.Header{"Content-Type": {contentType}, "Retry-After": {after}}, ProtoMajor: 1,
				}
			}))
			client := otlptracehttp.NewClient(otlptracehttp.WithEndpointURL("http://127.0.0.1:1/v1/traces"),
				otlptracehttp.WithHTTPClient(&http.Client{Transport: transport}), otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))
			checkUpload(t, client, status)
			before := asked
			<-time.After(5*time.Minute + time.Second)
			checkUpload(t, client, status)
			if asked == before {
				t.Error("want another request after the longest pause")
			}
		})
	})
}

// checkUpload uploads five spans.
func checkUpload(t *testing.T, client otlptrace.Client, status int) {
	t.Helper()
	spans := make([]*tracepb.Span, 5)
	for i := range spans {
		spans[i] = &tracepb.Span{Name: "a span", TraceId: make([]byte, 16), SpanId: make([]byte, 8)}
	}
	err := client.UploadTraces(t.Context(), []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}}}})
	outcome, lost := otlperr.Classify(err, 5)
	switch {
	case lost < 0 || lost > 5, outcome == otlperr.Failed && lost > 0, outcome == otlperr.Rejected && lost != 5:
		t.Errorf("outcome %v with %d lost of 5", outcome, lost)
	case outcome == otlperr.Accepted && status/100 != 2:
		t.Errorf("the answer %d counts as accepted: %v", status, err)
	case err == nil:
		return
	}
	if text := otlperr.Short(err); len(text) > 310 || !utf8.ValidString(text) {
		t.Errorf("want a short text for the log, got %d bytes: %q", len(text), text)
	}
}
