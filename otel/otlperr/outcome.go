package otlperr

import (
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Outcome is the result of an upload of spans.
type Outcome int

// The outcomes of an upload.
const (
	Accepted Outcome = iota // by the collector, perhaps without some of the spans
	Rejected                // permanently: the collector would reject the same request again
	Failed                  // may succeed when it is tried again
)

// Classify returns the outcome of an upload of spans from the error of an [otlptrace.Client], and how many spans are lost.
//
// An error that a person can correct is Failed, even where OTLP says that clients must not retry: a wrong credential, a wrong path, a
// collector without a traces pipeline. The spans wait until it is corrected.
//
// [otlptrace.Client]: https://pkg.go.dev/go.opentelemetry.io/otel/exporters/otlp/otlptrace#Client
func Classify(err error, spans int64) (outcome Outcome, lost int64) {
	if err == nil {
		return Accepted, 0
	}
	if rejected, ok := PartialSuccess(err); ok {
		return Accepted, min(rejected, spans)
	}
	if TooLarge(err) || rejectedByGRPC(err) || rejectedByHTTP(err) {
		return Rejected, spans
	}
	return Failed, 0
}

// rejectedByGRPC reports whether a gRPC collector rejected a request permanently.
func rejectedByGRPC(err error) bool {
	s, ok := status.FromError(err)
	return ok && s.Code() == codes.InvalidArgument
}

// rejectedByHTTP reports whether an HTTP collector rejected a request permanently. The client's error has no type, only the text "failed to
// send to <URL>: 400 Bad Request (body: …)"
// (https://github.com/open-telemetry/opentelemetry-go/blob/main/exporters/otlp/otlptrace/otlptracehttp/client.go).
func rejectedByHTTP(err error) bool {
	rest, ok := strings.CutPrefix(err.Error(), "failed to send to ")
	if !ok {
		return false
	}
	_, rest, _ = strings.Cut(rest, ": ")
	code, _, _ := strings.Cut(rest, " ")
	return code == "400"
}
