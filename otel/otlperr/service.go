package otlperr

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// notFound matches the exporters' error for an answer of 404 at a path of the protocol. At another path the 404 probably means that the
// path is wrong. The error has no type; see contentTooLarge.
var notFound = regexp.MustCompile(`^failed to send (metrics |logs )?to \S+/v1/(traces|metrics|logs): 404 `)

// notGRPC is in the message of a status that grpc-go made from an answer of HTTP: a server that is no collector answered, for example
// with 404 (https://github.com/grpc/grpc-go/blob/master/internal/transport/http_util.go).
const notGRPC = "unexpected HTTP status code"

// NoService reports whether a collector has no service for the signal that was sent to it, as Jaeger has none for metrics. Over gRPC it
// answers UNIMPLEMENTED (https://grpc.io/docs/guides/status-codes/). Over HTTP it answers 404, because it serves only the paths of signals
// for which it has a pipeline (https://github.com/open-telemetry/opentelemetry-collector/blob/v0.140.0/receiver/otlpreceiver/otlp.go). All
// joined errors must say so.
func NoService(err error) bool {
	switch wrapper := err.(type) { //nolint:errorlint // this is the walk along the chain that errors.As does for types
	case nil:
		return false
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(wrapper.Unwrap(), func(e error) bool { return !NoService(e) })
	}
	s, ok := status.FromError(err)
	if ok && s.Code() == codes.Unimplemented {
		return !strings.Contains(s.Message(), notGRPC)
	}
	return notFound.MatchString(err.Error()) || NoService(errors.Unwrap(err))
}
