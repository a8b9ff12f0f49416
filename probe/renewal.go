package probe

import "time"

// Renewal is one attempt to get new tokens. It is plain data, like the [Result] that carries it.
type Renewal struct {
	Credential string  // name of the credential
	Trace      TraceID // of the run that asked for it
	Parent     SpanID  // that run's root span
	Span       SpanID
	Start      time.Time
	End        time.Time
	Outcome    RenewalOutcome
	Expiry     time.Time // of the new access token; zero after a failure
	Error      string    // why it failed, without secrets; empty otherwise
}

// RenewalOutcome says how a renewal ended.
type RenewalOutcome string

// The outcomes of a renewal.
const (
	Refreshed          RenewalOutcome = "refreshed"   // new tokens from the refresh token
	LoggedIn           RenewalOutcome = "logged_in"   // new tokens from a login
	RenewalRefused     RenewalOutcome = "refused"     // the login service refused our credentials
	RenewalUnavailable RenewalOutcome = "unavailable" // any other answer of the login service, or none
)
