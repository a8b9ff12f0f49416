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

// errDeadline is the cause of the end of a run that took too long. It marks our own deadline apart from any other.
var errDeadline = errors.New("the probe's timeout is over")

// errTooLarge is an answer with a body larger than maxBody.
var errTooLarge = fmt.Errorf("the answer's body is larger than %d KiB", maxBody>>10)

// maxSessions is how many connections the transport may make for one request. It makes another whenever an HTTP/2 server ends
// one without having looked at the request, at once and for ever: a server that always does would be flooded by us.
const maxSessions = 3

// errUnsteady is a server that ends every connection before it answers.
var errUnsteady = fmt.Errorf("the server ended %d connections in a row without an answer", maxSessions)

// errBroken is a connection that was lost under a request.
var errBroken = errors.New("the connection ended before an answer came, and the request was sent again")

// classOfError returns the class of an exchange that failed, in a phase when that is known to be one of making the
// connection. The deadline goes first: whatever broke because it was over is a timeout.
func classOfError(ctx context.Context, err error, making PhaseKind) Class {
	switch {
	case errors.Is(context.Cause(ctx), errDeadline):
		return Timeout
	case ctx.Err() != nil:
		return ClassNone
	case errors.Is(err, errUnsteady):
		return ProtocolError
	case isDNS(err):
		return DNSError
	case isTLS(err), making == PhaseTLS: // the other side may have just hung up
		return TLSError
	case isDial(err):
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			return Timeout
		}
		return ConnectError
	case making == PhaseConnect: // a proxy that refuses
		return ConnectError
	}
	return ProtocolError
}

func isDNS(err error) bool {
	_, ok := errors.AsType[*net.DNSError](err)
	return ok
}

// isTLS knows the errors of TLS by type where they have one, and by how the package begins them where they do not: what
// stands further on in a text may come from the other side.
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

// explain says in a few words for people why there was no complete answer.
func explain(class Class, attempt *Attempt, timeout time.Duration) string {
	switch class { //nolint:exhaustive // the others have an answer, and are explained by it
	case Timeout:
		return fmt.Sprintf("no complete answer within %v: %s", timeout, doing(attempt))
	case DNSError:
		return "the host's name cannot be resolved: " + attempt.Error
	case ConnectError:
		return "no connection: " + attempt.Error
	case TLSError:
		return "no trusted TLS session: " + attempt.Error
	}
	return "no valid HTTP answer: " + attempt.Error
}

// doing says what an attempt was at when it ended.
func doing(attempt *Attempt) string {
	if len(attempt.Phases) == 0 {
		return "waiting for a connection"
	}
	switch attempt.Phases[len(attempt.Phases)-1].Kind {
	case PhaseDNS:
		return "resolving the host's name"
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
