package otlperr

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// RejectedError reports that a collector accepted a request except for some of its spans, data points or records, which are lost.
type RejectedError struct {
	Count  int64
	Reason error // why the first of them were rejected
}

// Error returns the number and the reason.
func (e *RejectedError) Error() string {
	return fmt.Sprintf("%d were rejected, the others were accepted: %v", e.Count, e.Reason)
}

// Unwrap returns the reason.
func (e *RejectedError) Unwrap() error { return e.Reason }

// contentTooLarge matches the exporters' error for an answer of 413, such as "failed to send metrics to http://127.0.0.1:4318/v1/metrics:
// 413 Request Entity Too Large (body: …)". The exporters' error has no type
// (https://github.com/open-telemetry/opentelemetry-go/blob/main/exporters/otlp/otlptrace/otlptracehttp/client.go). The OpenTelemetry
// Collector answers 400 in place of 413 to more than its max_request_body_size, with this error of net/http
// (https://github.com/open-telemetry/opentelemetry-collector/blob/v0.140.0/receiver/otlpreceiver/otlphttp.go).
var contentTooLarge = regexp.MustCompile(`^failed to send (metrics |logs )?to \S+: (413 |400 (?s:.*)http: request body too large)`)

// TooLarge reports whether a collector or an exporter rejected a request only because of its size. It may accept the same content in
// smaller requests.
func TooLarge(err error) bool {
	switch wrapper := err.(type) { //nolint:errorlint // this is the walk along the chain that errors.As does for types
	case nil, *RejectedError:
		return false
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(wrapper.Unwrap(), TooLarge)
	}
	return tooLargeForHTTP(err) || tooLargeForGRPC(err) || TooLarge(errors.Unwrap(err))
}

// tooLargeForHTTP reports whether the collector, or the exporter itself, rejected an OTLP/HTTP request for its size.
func tooLargeForHTTP(err error) bool {
	return strings.HasPrefix(err.Error(), "request body too large") || contentTooLarge.MatchString(err.Error())
}

// tooLargeForGRPC reports whether the collector, or the exporter itself, rejected an OTLP/gRPC request for its size. A collector
// without memory answers with the same code, so the text decides: "grpc: received message larger than max (…)"
// (https://github.com/grpc/grpc-go/blob/master/rpc_util.go).
func tooLargeForGRPC(err error) bool {
	s, ok := status.FromError(err)
	if !ok {
		return strings.HasPrefix(err.Error(), "request message too large")
	}
	return s.Code() == codes.ResourceExhausted && strings.Contains(s.Message(), "larger than max")
}
