package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// errDeadline is the cause of a context that ended with the probe's timeout. It distinguishes this deadline from all others.
var errDeadline = errors.New("the probe's timeout is over")

// errTooLarge is the error of an answer with a body larger than maxBody.
var errTooLarge = fmt.Errorf("the answer's body is larger than %d KiB", maxBody>>10)

// maxSessions is how many TLS connections the transport may make for one request. Whenever an HTTP/2 server closes a connection
// before it processes the request, the transport immediately makes another one. A server that always does so would be flooded.
const maxSessions = 3

// errClosing is the error of a server that closes every connection before it answers.
var errClosing = fmt.Errorf("the server closed %d connections in a row without an answer", maxSessions)

// errBroken is the error of a connection that broke after the request was sent.
var errBroken = errors.New("the connection was closed before an answer came, and the request was sent again")

// errEarly is the error of a server that sent something before it got a request.
var errEarly = errors.New("the server sent an answer before it got a request")

// earlyAnswer replaces the error of net/http for such a server, because its text lacks the reason (readLoopPeekFailLocked in
// https://github.com/golang/go/blob/go1.26.0/src/net/http/transport.go).
func earlyAnswer(err error) error {
	if strings.Contains(err.Error(), "readLoopPeekFailLocked: %!w(<nil>)") {
		return errEarly
	}
	return err
}

// classOfError returns the class of a failed exchange. connecting is the phase in which making the connection failed; empty if
// there was a connection. The deadline has priority: an error after the deadline is a timeout.
func classOfError(ctx context.Context, err error, connecting PhaseKind) Class {
	switch {
	case errors.Is(context.Cause(ctx), errDeadline):
		return Timeout
	case ctx.Err() != nil:
		return ClassNone
	case errors.Is(err, errClosing):
		return ProtocolError
	case isDNS(err):
		return DNSError
	case isTLS(err), connecting == PhaseTLS: // the server may simply close the connection
		return TLSError
	case isDial(err):
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			return Timeout
		}
		return ConnectError
	case connecting == PhaseConnect: // a proxy that refuses to connect
		return ConnectError
	}
	return ProtocolError
}

// requiresHTTP1 reports whether an HTTP/2 server asks for HTTP/1.1, for a request (RST_STREAM) or a connection (GOAWAY): RFC 9113,
// section 7. The types of net/http are not exported, and name the code as the standard does
// (https://github.com/golang/go/blob/master/src/net/http/h2_bundle.go).
func requiresHTTP1(err error) bool {
	return err != nil && strings.Contains(err.Error(), "HTTP_1_1_REQUIRED")
}

func isDNS(err error) bool {
	_, ok := errors.AsType[*net.DNSError](err)
	return ok
}

// isTLS reports whether an error comes from crypto/tls. Some of its errors have a type; the others start with "tls: ". Only the
// start of the text is compared, because the rest may come from the server.
func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "remote error" || op.Op == "local error") {
		return true // an alert
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.HasPrefix(err.Error(), "tls: ") {
			return true
		}
	}
	return false
}

func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "dial" || op.Op == "socks connect" || op.Op == "proxyconnect")
}

// explain returns, for people, why there was no complete answer.
func explain(class Class, attempt *Attempt, timeout time.Duration) string {
	switch class { //nolint:exhaustive // the other classes have an answer
	case Timeout:
		return fmt.Sprintf("no complete answer within %v: %s", timeout, progress(attempt))
	case DNSError:
		return "the name of the host cannot be resolved: " + attempt.Error
	case ConnectError:
		return "no connection: " + attempt.Error
	case TLSError:
		return "no trusted TLS session: " + attempt.Error
	}
	return "no valid HTTP answer: " + attempt.Error
}

// progress returns what an attempt did when it ended.
func progress(attempt *Attempt) string {
	if len(attempt.Phases) == 0 {
		return "waiting for a connection"
	}
	switch attempt.Phases[len(attempt.Phases)-1].Kind {
	case PhaseDNS:
		return "resolving the name of the host"
	case PhaseConnect:
		return "connecting"
	case PhaseTLS:
		return "in the TLS handshake"
	case PhaseSend:
		return "sending the request"
	case PhaseWait:
		return "waiting for the first byte"
	case PhaseReceive:
	}
	return "receiving the answer"
}
