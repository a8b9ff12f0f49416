package probe

import (
	"fmt"
	"slices"
)

// Class is the status class of a run: the kind of its last answer, or why there was none.
type Class uint8

// The classes. ClassNone is the class of a run that the shutdown of squarewatch stopped; it is not counted.
const (
	ClassNone       Class = iota
	Success               // 2xx
	Redirect              // 3xx that was not followed
	BadRequest            // 400
	Unauthenticated       // 401
	Forbidden             // 403
	NotFound              // 404: missing, or access denied
	RateLimited           // 429
	ClientError           // any other 4xx
	ServerError           // 5xx
	Timeout               // no complete answer before the deadline, in any phase
	DNSError              // the host's name could not be resolved
	ConnectError          // no connection to any of the host's addresses
	TLSError              // no trusted TLS session
	ProtocolError         // an answer that is not HTTP, is incomplete, or is larger than the limit
	classCount
)

func classNames() [classCount]string {
	return [classCount]string{
		"", "success", "redirect", "bad_request", "unauthenticated", "forbidden", "not_found", "rate_limited",
		"client_error", "server_error", "timeout", "dns_error", "connect_error", "tls_error", "protocol_error",
	}
}

// Classes returns every class that a finished run can have, in order.
func Classes() []Class {
	all := make([]Class, 0, classCount-1)
	for c := Success; c < classCount; c++ {
		all = append(all, c)
	}
	return all
}

// String returns the name that users see; empty for ClassNone.
func (c Class) String() string {
	if c >= classCount {
		return fmt.Sprintf("class(%d)", uint8(c))
	}
	return classNames()[c]
}

// MarshalText returns the name of the class.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the name of a class.
func (c *Class) UnmarshalText(text []byte) error {
	names := classNames()
	i := slices.Index(names[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown class %q", text)
	}
	*c = Class(i)
	return nil
}

// IsTransport reports whether there was no complete HTTP answer.
func (c Class) IsTransport() bool { return c >= Timeout && c < classCount }

// ClassOfStatus returns the class of an HTTP status code. A code outside 200 to 599 is a ProtocolError: 1xx is never the final
// answer (RFC 9110, section 15.2).
func ClassOfStatus(code int) Class {
	switch code {
	case 400:
		return BadRequest
	case 401:
		return Unauthenticated
	case 403:
		return Forbidden
	case 404:
		return NotFound
	case 429:
		return RateLimited
	}
	switch code / 100 {
	case 2:
		return Success
	case 3:
		return Redirect
	case 4:
		return ClientError
	case 5:
		return ServerError
	}
	return ProtocolError
}
