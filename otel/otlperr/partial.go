package otlperr

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
)

// partialSuccess matches the whole text of the exporters' PartialSuccess error, such as "OTLP partial success: too old (3 spans rejected)"
// (https://github.com/open-telemetry/opentelemetry-go/blob/main/internal/shared/otlp/partialsuccess.go.tmpl).
var partialSuccess = regexp.MustCompile(`(?s)^OTLP partial success: .*\((-?[0-9]+) [a-z ]+ rejected\)$`)

// PartialSuccess reports whether a collector accepted a request, perhaps without some of its spans, data points or records. It returns
// how many the collector rejected. Zero means that the collector accepted all and sent a warning
// (https://opentelemetry.io/docs/specs/otlp/#partial-success).
func PartialSuccess(err error) (rejected int64, ok bool) {
	if err == nil {
		return 0, false
	}
	if parts, ok := errors.AsType[*RejectedError](err); ok {
		return parts.Count, true
	}
	if match := partialSuccess.FindStringSubmatch(err.Error()); match != nil {
		n, err := strconv.ParseInt(match[1], 10, 64)
		return max(n, 0), err == nil
	}
	switch wrapper := err.(type) { //nolint:errorlint // this is the walk along the chain that errors.As does for types
	case interface{ Unwrap() error }:
		return PartialSuccess(wrapper.Unwrap())
	case interface{ Unwrap() []error }:
		for _, e := range wrapper.Unwrap() {
			if rejected, ok := PartialSuccess(e); ok {
				return rejected, true
			}
		}
	}
	return 0, false
}

// OnlyPartial reports whether an error says only that a collector accepted part of a request. All joined errors must say so.
func OnlyPartial(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // of errors.Join
		return !slices.ContainsFunc(joined.Unwrap(), func(e error) bool { return !OnlyPartial(e) })
	}
	_, ok := PartialSuccess(err)
	return ok
}

// WithoutWarning returns nil for an error that only reports a warning of a collector that accepted everything, and otherwise err.
func WithoutWarning(err error) error {
	if rejected, ok := PartialSuccess(err); ok && rejected == 0 {
		return nil
	}
	return err
}

// Lost returns how many of the sent spans, data points or records did not arrive.
func Lost(err error, sent int64) int64 {
	if err == nil {
		return 0
	}
	if rejected, ok := PartialSuccess(err); ok {
		return min(rejected, sent)
	}
	return sent
}
