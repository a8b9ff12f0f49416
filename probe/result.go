package probe

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"squarewatch/probe/blame"
)

// Result is the outcome of one run. It is plain data that can be stored, replayed and compared. It must not be changed after it
// was passed to a [Sink].
type Result struct {
	Probe      string            // name of the probe
	Credential string            // name of the credential; empty for none
	Labels     map[string]string // the probe's own labels

	CredentialIssued time.Time // when the token of its last request was issued; zero where that is not known, for example for an API key

	Trace TraceID // of the whole run
	Span  SpanID  // of the run's root span

	Intended time.Time // when the schedule wanted it to start
	Start    time.Time // when it started
	End      time.Time // when its last answer was evaluated

	Renewals     []Renewal // of its credential, ended since the last result with that credential
	AskedRenewal bool      // the run asked for a renewal, which is in its trace; a later result may carry the renewal

	Attempts []Attempt // in order; at least one

	Class    Class  // of the last answer
	Code     int    // its HTTP status code; 0 without a complete answer
	Expected bool   // the answer is what the probe declares as healthy
	Reason   string // why it is unexpected, for people; empty when expected
	Excerpt  string // the message in the body of an unexpected answer, shortened and masked
	Blame    Blame  // who caused the failure; empty for an expected answer, and where squarewatch does not judge
	Advice   string // how to find out whose fault it is, for people; empty unless Blame is BlameUnknown
	Breach   bool   // a guarded probe got access that it must not get: a security alert

	Evidence []Evidence // why Blame is known, or not; the strongest first
	Looks    []Look     // that the run made to find that out
}

// FirstTry returns the attempts that led to the first answer: the first attempt, and those that followed a redirect or a
// broken connection. Attempts that repeat the request after a renewal or that confirm an answer are not included.
func (r *Result) FirstTry() []Attempt {
	for i := range r.Attempts {
		if cause := r.Attempts[i].Cause; i > 0 && cause != CauseRedirect && cause != CauseRetry {
			return r.Attempts[:i]
		}
	}
	return r.Attempts
}

// Latency returns the duration of the first answer, including the redirects that led to it. Later attempts do not count: they
// say nothing about the speed of the API.
func (r *Result) Latency() time.Duration {
	attempts := r.FirstTry()
	if len(attempts) == 0 {
		return 0
	}
	return attempts[len(attempts)-1].End.Sub(attempts[0].Start)
}

// Lateness returns how long after its intended time the run started.
func (r *Result) Lateness() time.Duration { return r.Start.Sub(r.Intended) }

// Outcome returns what selectors match.
func (r *Result) Outcome() Outcome {
	return Outcome{Class: r.Class, Code: r.Code, Expected: r.Expected}
}

// Cause says why an attempt was made.
type Cause string

// The causes of an attempt.
const (
	CauseFirst    Cause = "first"    // the run's own request
	CauseRedirect Cause = "redirect" // a redirect inside the target's origin was followed
	CauseRetry    Cause = "retry"    // the connection of the previous attempt broke after the request was sent
	CauseResend   Cause = "resend"   // the credential was refused and renewed
	CauseConfirm  Cause = "confirm"  // an unexpected answer is confirmed by another try
)

// Blame says who caused a failure; see package blame.
type Blame = blame.Culprit

// Evidence is one reason for a Blame; see package blame.
type Evidence = blame.Evidence

// The values of Blame.
const (
	BlameNone         = blame.None
	BlameAPI          = blame.API
	BlameGateway      = blame.Gateway
	BlameLoginService = blame.LoginService
	BlameCredential   = blame.Credential
	BlameRole         = blame.Role
	BlameNetwork      = blame.Network
	BlameResolver     = blame.Resolver
	BlameWatcher      = blame.Watcher
	BlameLeak         = blame.Leak
	BlameUnknown      = blame.Unknown
)

// Attempt is one HTTP exchange.
type Attempt struct {
	Span      SpanID
	Cause     Cause
	Method    string
	URL       string // with the query values hidden; after a redirect also with a masked path
	Scheme    string // of the target: http or https
	Host      string // name or address of the target, without a port
	Port      int    // of the target
	Template  string // the probe's path without query, also after a redirect: a name of the endpoint that has few values
	Start     time.Time
	End       time.Time
	Phases    []Phase // in order, contiguous from Start to End; only those that happened
	Class     Class
	Code      int    // from the head of the answer, also of one that was cut short; 0 without a head
	Error     string // why there is no complete answer, without secrets; empty otherwise
	ErrorKind string // value of the error.type attribute when there is no code: the name of the class
	Protocol  string // HTTP version as in the semantic conventions: "1.1", "2"
	Peer      string // address:port of the other side; empty without a connection
	Reused    bool   // the connection had served an earlier request
	Size      int64  // bytes of the body that were read

	// CertificateExpiry is when the verified chain of certificates expires; of several, the one that lasts longest. It is zero without TLS.
	CertificateExpiry time.Time
}

// PhaseKind names a part of an attempt.
type PhaseKind string

// The phases of an attempt, in order.
const (
	PhaseDNS     PhaseKind = "dns"
	PhaseConnect PhaseKind = "connect"
	PhaseTLS     PhaseKind = "tls"
	PhaseSend    PhaseKind = "send"
	PhaseWait    PhaseKind = "wait"
	PhaseReceive PhaseKind = "receive"
)

// PhaseKinds returns all phases in order.
func PhaseKinds() []PhaseKind {
	return []PhaseKind{PhaseDNS, PhaseConnect, PhaseTLS, PhaseSend, PhaseWait, PhaseReceive}
}

// Phase is one part of an attempt. Phases do not overlap, and their sum is the duration of the attempt.
type Phase struct {
	Kind  PhaseKind
	Start time.Time
	End   time.Time
}

// TraceID identifies a trace (https://www.w3.org/TR/trace-context/). The zero value means no trace.
type TraceID [16]byte

// String returns 32 hexadecimal digits.
func (id TraceID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns the same text as String.
func (id TraceID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *TraceID) UnmarshalText(text []byte) error { return unhex(id[:], text) }

// unhex reads the hexadecimal digits of an identifier.
func unhex(id, text []byte) error {
	if hex.DecodedLen(len(text)) != len(id) {
		return fmt.Errorf("%q is not an identifier of %d bytes", text, len(id))
	}
	_, err := hex.Decode(id, text)
	return err
}

// IsValid reports whether there is a trace.
func (id TraceID) IsValid() bool { return id != TraceID{} }

// SpanID identifies a span (https://www.w3.org/TR/trace-context/). The zero value means no span.
type SpanID [8]byte

// String returns 16 hexadecimal digits.
func (id SpanID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns the same text as String.
func (id SpanID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *SpanID) UnmarshalText(text []byte) error { return unhex(id[:], text) }

// IsValid reports whether there is a span.
func (id SpanID) IsValid() bool { return id != SpanID{} }

// Identifiers chooses the identifiers of a run before its first request. The spans that are written after the run then match
// the traceparent that was sent. The recorder of package otel implements it.
type Identifiers interface {
	// NewRun returns the identifiers of a run's trace and root span.
	NewRun() (TraceID, SpanID)
	// NewAttempt returns the identifier of an attempt's span and puts trace context on its request.
	NewAttempt(trace TraceID, header http.Header) SpanID
}

// Sink receives the outcome of every scheduled run. Its methods are called from many goroutines. They must not block, because
// probing waits for them.
type Sink interface {
	// Finished receives the result of a run.
	Finished(*Result)
	// Missed receives missed runs; see [Miss].
	Missed(Miss)
}

// Miss is one or more scheduled runs in a row of one probe that have no result, all for the same reason. Most were not started. A
// run with [MissPanic] was started, and one with [MissGap] or [MissShutdown] may have been: its result is dropped.
type Miss struct {
	Probe    string
	Intended time.Time // of the first run
	Reason   MissReason
	Count    int    // of runs, at least 1
	Detail   string // for debugging; usually empty
}

// MissReason says why a run has no result.
type MissReason string

// The reasons for a missed run.
const (
	MissOverrun  MissReason = "overrun"  // the probe's last run had not ended
	MissLimit    MissReason = "limit"    // the limits allowed no start before the probe's next intended time
	MissGap      MissReason = "gap"      // the machine slept, its clock was set forward, the process was paused, or squarewatch did not run
	MissShutdown MissReason = "shutdown" // the daemon was stopping
	MissPanic    MissReason = "panic"    // a bug in squarewatch stopped a run that had started; Detail has the stack
)
