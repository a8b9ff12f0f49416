package probe

import (
	"time"
)

// Renewal is one try to get a credential anew. It is plain data, like the [Result] that carries it.
type Renewal struct {
	Credential string
	Trace      TraceID // of the run that asked for it
	Parent     SpanID  // that run's root span
	Span       SpanID
	Start      time.Time
	End        time.Time
	Outcome    RenewalOutcome
	Expiry     time.Time // of what was had; zero when nothing was
	Error      string    // why nothing was had, without secrets
}

// RenewalOutcome says how a renewal ended.
type RenewalOutcome string

// The outcomes of a renewal.
const (
	Refreshed          RenewalOutcome = "refreshed"   // by the refresh token
	LoggedIn           RenewalOutcome = "logged_in"   // by the login
	RenewalRefused     RenewalOutcome = "refused"     // the login service does not accept what we have
	RenewalUnavailable RenewalOutcome = "unavailable" // the login service answers anything else, or not at all
)

// Blame says whose fault an unexpected 401 is.
type Blame string

// The ones to blame. BlameNone is for everything that is no unexpected 401.
const (
	BlameNone         Blame = ""
	BlameCredential   Blame = "credential"    // our login or key is refused: wrong, expired or revoked
	BlameLoginService Blame = "login_service" // the login gives no token, and does not say that it is for what we sent
	BlameAPI          Blame = "api"           // a token issued moments ago is refused, or the key works elsewhere
	BlameUnknown      Blame = "unknown"       // an API key, and what there is to compare with does not tell
	BlameNetwork      Blame = "network"       // our own network: nothing else can be reached either
)

// CauseResend is the cause of an attempt that repeats one whose credential was refused, after a renewal.
const CauseResend Cause = "resend"

// CauseConfirm is the cause of an attempt that looks again before an unexpected answer is final.
const CauseConfirm Cause = "confirm"
