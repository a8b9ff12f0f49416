package probe

import (
	"context"
	"net/http"
	"strings"
	"time"

	"squarewatch/probe/blame"
	"squarewatch/probe/redact"
)

// Credential is a named principal that probes act as. Its state, such as tokens, outlives a runner: a reload attaches the same
// credential to the next runner. To add a kind, write one file in this package that implements Credential and Session, and add
// one line to cmd/squarewatch/kinds.go.
type Credential interface {
	redact.Holder

	// Attach returns the session of one runner. All sessions share the state of the credential.
	Attach(env Environment) Session
	// Renewable reports whether the credential can be replaced when the API refuses it. An API key cannot.
	Renewable() bool
}

// Session is a credential in use by one runner. Its methods are safe for concurrent use.
type Session interface {
	// Authorize adds the credential to the header of a request. After an error the header has no credential; the request is
	// sent nevertheless, so that the endpoint stays observed.
	Authorize(ctx context.Context, r AuthRequest) (AuthResult, error)
	// Renew replaces the credential in the header of a request that the API refused with 401. After an error there is no new
	// credential, and repeating the request is useless. The runner calls it only if the credential is renewable.
	Renew(ctx context.Context, r AuthRequest) (AuthResult, error)
	// Finish adds the renewals that have ended since the last call to the result of a run, and when its token was issued. It returns
	// what is known of the credential in the header of the run's last request.
	Finish(r *Result, sent http.Header) CredentialState
}

// Environment is what a session needs from its runner.
type Environment struct {
	name     string // of the credential in the configuration
	post     poster
	renewals *renewals // background renewals, which the runner waits for
	secrets  *redact.Secrets
}

// AuthRequest is a request that needs a credential.
type AuthRequest struct {
	Header http.Header
	Trace  TraceID   // of the run
	Span   SpanID    // the run's root span
	Start  time.Time // of the run
	// RenewExpiring asks for the renewal of a credential that expires soon. It is false for a probe that expects 401, because
	// such a probe does not need a valid credential.
	RenewExpiring bool

	refused bool // the API refused the request
}

// AuthResult is what a session did for a request.
type AuthResult struct {
	RenewalAsked bool // a renewal was started; its spans are in the trace of this run
	Shortage     bool // after an error: squarewatch or its machine ran out of something
}

// CredentialState is what a session knows of a credential, for the judge.
type CredentialState struct {
	Renewal  blame.Renewal // the newest; zero for a credential that is not renewed
	NewToken bool          // the token in the request was issued less than a minute ago
}

// anonymous is the session of a probe without a credential.
type anonymous struct{ static }

var _ Session = anonymous{}

// Authorize adds nothing.
func (anonymous) Authorize(context.Context, AuthRequest) (AuthResult, error) {
	return AuthResult{}, nil
}

// static is the part of a session whose credential never changes.
type static struct{}

// Renew does nothing: the runner calls it only for renewable credentials.
func (static) Renew(context.Context, AuthRequest) (AuthResult, error) { return AuthResult{}, nil }

// Finish has nothing to add: there are no renewals.
func (static) Finish(*Result, http.Header) CredentialState { return CredentialState{} }

// validBearer reports whether a key or a token can follow Bearer in a header: only visible ASCII characters.
func validBearer(key string) bool {
	return !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
}
