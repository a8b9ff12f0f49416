package otlperr

import (
	"errors"
	"regexp"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// notFound matches the exporters' error for an answer of 404. The error has no type; see contentTooLarge.
var notFound = regexp.MustCompile(`^failed to send (metrics |logs )?to \S+: 404 `)

// NoService reports whether a collector has no service for the signal that was sent to it, as Jaeger has none for metrics. Over gRPC it
// answers UNIMPLEMENTED (https://grpc.io/docs/guides/status-codes/). Over HTTP it answers 404, because it serves only the paths of signals
// for which it has a pipeline (https://github.com/open-telemetry/opentelemetry-collector/blob/v0.140.0/receiver/otlpreceiver/otlp.go).
func NoService(err error) bool {
	switch wrapper := err.(type) { //nolint:errorlint // this is the walk along the chain that errors.As does for types
	case nil:
		return false
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(wrapper.Unwrap(), NoService)
	}
	s, ok := status.FromError(err)
	return ok && s.Code() == codes.Unimplemented || notFound.MatchString(err.Error()) || NoService(errors.Unwrap(err))
}
