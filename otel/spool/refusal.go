package spool

import (
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// verdict is what an upload came to.
type verdict int

const (
	taken   verdict = iota // by the collector, perhaps without some of its spans
	refused                // for good: the same batch would be refused again
	failed                 // and is worth another try
)

// judge reads the error of an upload, and returns how many of the batch's spans are lost.
//
// What a later try may mend is failed, even where OTLP counts it as not to be retried: a wrong credential or path, a
// collector without a pipeline of traces. Spans wait until somebody has corrected it.
func judge(err error, spans int64) (outcome verdict, lost int64) {
	if err == nil {
		return taken, 0
	}
	if rejected, ok := partialSuccess(err); ok {
		return taken, min(max(rejected, 0), spans)
	}
	if refusedByGRPC(err) || refusedByHTTP(err) {
		return refused, spans
	}
	return failed, 0
}

// refusedByGRPC knows a request too large by its text, as a collector short of memory has the same code.
func refusedByGRPC(err error) bool {
	s, ok := status.FromError(err)
	if !ok {
		return strings.HasPrefix(err.Error(), "request message too large")
	}
	return s.Code() == codes.InvalidArgument || s.Code() == codes.ResourceExhausted && strings.Contains(s.Message(), "larger than max")
}

// refusedByHTTP looks at the text, "failed to send to <URL>: 400 Bad Request (body: …)", as the client's error has no type.
func refusedByHTTP(err error) bool {
	text := err.Error()
	if strings.HasPrefix(text, "request body too large") {
		return true
	}
	rest, ok := strings.CutPrefix(text, "failed to send to ")
	if !ok {
		return false
	}
	_, rest, _ = strings.Cut(rest, ": ")
	code, _, _ := strings.Cut(rest, " ")
	return code == "400" || code == "413"
}

// partialSuccess returns how many spans the collector rejected when it took the others. The error's type is internal to
// each of the clients: only its text is the same, "OTLP partial success: … (3 spans rejected)".
func partialSuccess(err error) (rejected int64, ok bool) {
	text, ok := strings.CutPrefix(err.Error(), "OTLP partial success: ")
	end := strings.LastIndex(text, " spans rejected)")
	if !ok || end < 0 {
		return 0, false
	}
	text = text[:end]
	rejected, err = strconv.ParseInt(text[strings.LastIndex(text, "(")+1:], 10, 64)
	return rejected, err == nil
}
