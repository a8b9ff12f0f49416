package probe

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"time"
)

// Result is what one run came to. It is plain data: it can be stored, replayed and compared, and nobody changes it once it was handed to a [Sink].
type Result struct {
	Probe      string            // name of the probe
	Credential string            // name of the credential it acted as; empty for none
	Labels     map[string]string // the probe's own labels

	Trace TraceID // of the whole run
	Span  SpanID  // of the run's root span

	Intended time.Time // when the schedule wanted it
	Start    time.Time // when it was started
	End      time.Time // when its verdict stood

	Renewals     []Renewal // of its credential, which it asked for or which ended meanwhile
	AskedRenewal bool      // a renewal is in its trace, which may be brought by a later result

	Attempts []Attempt // in their order, at least one unless our own shutdown came first

	Class    Class  // of the last answer
	Code     int    // its HTTP status code, 0 when there was none, or not all of it
	Expected bool   // whether that answer is what the probe declares as healthy
	Reason   string // why it is unexpected, for people; empty when expected
	Excerpt  string // the API's own words of an unexpected answer, cut and masked
	Blame    Blame  // whose fault an unexpected 401 is
	Breach   bool   // an answer better than a probe that guards access may get: a security alert
}

// FirstLook returns the attempts that made the first answer: the first, and those that followed a redirect or a connection
// that broke. Those that resend after a renewal, or confirm, come later.
func (r *Result) FirstLook() []Attempt {
	for i := range r.Attempts {
		if cause := r.Attempts[i].Cause; i > 0 && cause != CauseRedirect && cause != CauseRetry {
			return r.Attempts[:i]
		}
	}
	return r.Attempts
}

// Latency is how long the first answer took, with the redirects on the way to it. Later attempts confirm or resend, and must
// not make a slow answer look slower, or a failed one slow.
func (r *Result) Latency() time.Duration {
	look := r.FirstLook()
	if len(look) == 0 {
		return 0
	}
	return look[len(look)-1].End.Sub(look[0].Start)
}

// Lateness is how long after its intended time the run was started.
func (r *Result) Lateness() time.Duration { return r.Start.Sub(r.Intended) }

// Outcome is what selectors look at.
func (r *Result) Outcome() Outcome {
	return Outcome{Class: r.Class, Code: r.Code, Expected: r.Expected}
}

// Cause says why an attempt was made.
type Cause string

// The causes of an attempt.
const (
	CauseFirst    Cause = "first"    // the run's own request
	CauseRedirect Cause = "redirect" // a redirect inside the target's origin was followed
	CauseRetry    Cause = "retry"    // the connection of the attempt before broke under the request
)

// Attempt is one HTTP exchange.
type Attempt struct {
	Span      SpanID
	Cause     Cause
	Method    string
	URL       string // with the values of its query hidden; of a redirect's target, with its path masked
	Template  string // path of the probe without query, the low-cardinality name of the endpoint, redirects included
	Start     time.Time
	End       time.Time
	Phases    []Phase // in their order, contiguous from Start to End; only those that happened
	Class     Class
	Code      int    // of the answer's head, of an answer that was cut short too; 0 when none came
	Error     string // what went wrong on the way, without secrets; empty when an answer came
	ErrorKind string // value of the error.type attribute when there is no code: the class's name
	Protocol  string // HTTP version as in semantic conventions: "1.1", "2"
	Peer      string // address:port of the other side, empty without a connection
	Reused    bool   // the connection had served an earlier request
	Size      int64  // bytes of the answer's body that were read

	// CertificateExpiry is when the first certificate of the chain ends to be valid; zero without TLS.
	CertificateExpiry time.Time
}

// PhaseKind names a part of an attempt.
type PhaseKind string

// The phases of an attempt, in their order.
const (
	PhaseDNS     PhaseKind = "dns"
	PhaseConnect PhaseKind = "connect"
	PhaseTLS     PhaseKind = "tls"
	PhaseSend    PhaseKind = "send"
	PhaseWait    PhaseKind = "wait"
	PhaseReceive PhaseKind = "receive"
)

// PhaseKinds returns all phases in their order.
func PhaseKinds() []PhaseKind {
	return []PhaseKind{PhaseDNS, PhaseConnect, PhaseTLS, PhaseSend, PhaseWait, PhaseReceive}
}

// Phase is one part of an attempt with its true times. Phases do not overlap and sum to the attempt.
type Phase struct {
	Kind  PhaseKind
	Start time.Time
	End   time.Time
}

// TraceID identifies a trace as W3C trace context does; the zero value is no trace.
type TraceID [16]byte

// String returns the identifier in 32 hexadecimal digits.
func (id TraceID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns the identifier as String does.
func (id TraceID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *TraceID) UnmarshalText(text []byte) error { return unhex(id[:], text) }

// unhex fills an identifier from its hexadecimal digits.
func unhex(id, text []byte) error {
	if hex.DecodedLen(len(text)) != len(id) {
		return fmt.Errorf("%q is no identifier of %d bytes", text, len(id))
	}
	_, err := hex.Decode(id, text)
	return err
}

// IsValid reports whether there is a trace.
func (id TraceID) IsValid() bool { return id != TraceID{} }

// SpanID identifies a span as W3C trace context does.
type SpanID [8]byte

// String returns the identifier in 16 hexadecimal digits.
func (id SpanID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns the identifier as String does.
func (id SpanID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *SpanID) UnmarshalText(text []byte) error { return unhex(id[:], text) }

// IsValid reports whether there is a span.
func (id SpanID) IsValid() bool { return id != SpanID{} }

// Identifiers chooses the identifiers of a run before its first request is sent, so that the spans written after the run
// fit the traceparent that went out with it. The recorder of package otel implements it.
type Identifiers interface {
	// NewRun returns the identifiers of a run's trace and root span.
	NewRun() (TraceID, SpanID)
	// NewAttempt returns the identifier of an attempt's span and puts trace context on its request.
	NewAttempt(trace TraceID, header http.Header) SpanID
}

// Sink is told what became of every scheduled run. Its methods are called from many goroutines and must not block: probing waits for them.
type Sink interface {
	// Finished takes the result of a run.
	Finished(*Result)
	// Missed takes a run that was not started.
	Missed(Miss)
}

// Miss is a scheduled run that was not started, or several of one probe in a row for the same reason.
type Miss struct {
	Probe    string
	Intended time.Time // of the first
	Reason   MissReason
	Count    int
	Detail   string // for those who debug; mostly empty
}

// MissReason says why a run was not started.
type MissReason string

// The reasons for a missed run.
const (
	MissOverrun  MissReason = "overrun"  // the probe's last run was still going on
	MissLimit    MissReason = "limit"    // no free slot before the probe's next intended time
	MissGap      MissReason = "gap"      // time passed without us: the machine slept, the clock was set forward, the process was held, or squarewatch was not running
	MissShutdown MissReason = "shutdown" // the daemon was stopping
	MissPanic    MissReason = "panic"    // a fault of ours; Detail has the stack
)
