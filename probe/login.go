package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"squarewatch/config/secret"
	"squarewatch/config/setting"
)

// LoginSettings are the settings of a credential that logs in and gets tokens.
type LoginSettings struct {
	Login       LoginRequest  `yaml:"login"`
	RefreshPath string        `yaml:"refresh_path,omitempty"` // POST {"refresh": …} returns a new access token
	RenewBefore time.Duration `yaml:"renew_before,omitempty"` // before the access token expires; 10m when absent
}

// LoginRequest is a POST of a JSON object. The answer has the field access, and optionally refresh.
type LoginRequest struct {
	Path string                 `yaml:"path"`
	Body map[string]secret.Text `yaml:"body"`
}

// Validate reports what is wrong with the settings, as [setting.Invalid], joined.
func (s LoginSettings) Validate() error {
	var faults []error
	faults = append(faults, validatePath("login.path", s.Login.Path, "write a path on the target, for example /api/v1/token/"))
	if len(s.Login.Body) == 0 {
		faults = append(faults, &setting.Invalid{
			Field: "login.body", Problem: "is missing",
			Fix: `write the fields of the login, for example {username: "${env:AISQUARE_USER}", password: "${file:/run/secrets/aisquare}"}`,
		})
	}
	if s.RefreshPath != "" {
		faults = append(faults, validatePath("refresh_path", s.RefreshPath, "write a path on the target, for example /api/v1/token/refresh/"))
	}
	if s.RenewBefore < 0 {
		faults = append(faults, &setting.Invalid{
			Field: "renew_before", Problem: "is " + s.RenewBefore.String(), Fix: "write a duration above zero, for example 10m",
		})
	}
	return errors.Join(faults...)
}

const (
	defaultRenewBefore = 10 * time.Minute
	postTimeout        = 5 * time.Second // of each POST; a renewal makes at most two
)

// login is a credential with tokens that are renewed. At most one renewal runs at a time, and after a failure none starts
// until the back-off is over.
type login struct {
	settings LoginSettings
	tokens   *tokens
}

// loginSession is a login in use by one runner.
type loginSession struct {
	login
	env Environment
}

var (
	_ Credential = login{}
	_ Session    = loginSession{}
)

// NewLogin returns a credential that logs in when a request first needs it. An error is an [setting.Invalid], joined.
func NewLogin(s LoginSettings) (Credential, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if s.RenewBefore == 0 {
		s.RenewBefore = defaultRenewBefore
	}
	return login{settings: s, tokens: newTokens()}, nil
}

// Attach returns a session that makes its renewals through the runner.
func (l login) Attach(env Environment) Session { return loginSession{login: l, env: env} }

// Renewable returns true.
func (l login) Renewable() bool { return true }

// Secrets returns the fields of the login, the tokens, and the tokens that they replaced, which a late answer may still quote.
func (l login) Secrets() []string {
	var all []string
	for _, value := range l.settings.Login.Body {
		all = append(all, value.Reveal())
	}
	return append(all, l.tokens.secrets()...)
}

// Authorize adds the access token. A token that expires soon is renewed in the background. One that has expired is renewed
// first; if that fails the old one is sent, because only the API's clock decides whether it is valid. Without any token the
// request is sent without one, and the error says why.
func (s loginSession) Authorize(ctx context.Context, r AuthRequest) (result AuthResult, err error) {
	held := s.tokens.current()
	now := time.Now()
	if held.value.IsZero() || (r.RenewExpiring && held.due(now, s.settings.RenewBefore)) {
		result, err = s.renewOnce(ctx, r, held, held.value.IsZero() || !now.Before(held.expiry))
		held = s.tokens.current()
	}
	if held.value.IsZero() {
		return result, err
	}
	r.Header["Authorization"] = []string{held.header()}
	return AuthResult{RenewalAsked: result.RenewalAsked}, nil
}

// Renew replaces a refused token. It keeps a young token: another one would not help, and would flood the login service.
func (s loginSession) Renew(ctx context.Context, r AuthRequest) (AuthResult, error) {
	held := s.tokens.current()
	switch {
	case r.Header.Get("Authorization") != held.header():
		return AuthResult{}, nil // already replaced
	case held.young(time.Now()):
		return AuthResult{Blame: BlameAPI}, errors.New("the API refused a token that was just issued")
	}
	return s.renewOnce(ctx, r, held, true)
}

// Finish adds the renewals that have ended since the last call.
func (s loginSession) Finish(r *Result) { r.Renewals = s.tokens.takeRenewals() }

// obtain gets new tokens: with the refresh token if there is one, and with the login if there is none or the refresh failed.
// After any failed refresh one login is tried. The back-off limits how often this happens.
func (s loginSession) obtain(ctx context.Context, refresh token, r *Renewal) (access, next token, err *renewalError) {
	if s.settings.RefreshPath != "" && !refresh.value.IsZero() && time.Now().Before(refresh.expiry) {
		body, _ := json.Marshal(map[string]string{"refresh": refresh.value.Reveal()}) // a string always marshals
		access, next, err = s.request(ctx, "refresh", s.settings.RefreshPath, body, r)
		if err == nil {
			r.Outcome = Refreshed
			if next.value.IsZero() {
				next = refresh
			}
			return access, next, nil
		}
	}
	fields := make(map[string]string, len(s.settings.Login.Body))
	for name, value := range s.settings.Login.Body {
		fields[name] = value.Reveal()
	}
	body, _ := json.Marshal(fields)
	r.Outcome = LoggedIn
	return s.request(ctx, "login", s.settings.Login.Path, body, r)
}

// request makes one POST and reads the tokens in the answer. The credential is to blame only for a status that refers to the
// data that was sent.
func (s loginSession) request(ctx context.Context, what, path string, body []byte, r *Renewal) (access, refresh token, _ *renewalError) {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	status, answer, err := s.env.post(ctx, path, body, r)
	failed := func(blame Blame, format string, arguments ...any) (access, refresh token, _ *renewalError) {
		return access, refresh, &renewalError{blame, fmt.Sprintf(format, arguments...)}
	}
	switch {
	case isShortage(err):
		return failed(BlameWatcher, "no %s was possible: %s", what, s.env.secrets.Error(err))
	case err != nil:
		return failed(BlameLoginService, "the %s service did not answer: %s", what, s.env.secrets.Error(err))
	case status == http.StatusBadRequest, status == http.StatusUnauthorized, status == http.StatusForbidden,
		status == http.StatusUnprocessableEntity:
		return failed(BlameCredential, "the %s was refused with %d: %s", what, status, s.env.secrets.Excerpt(answer))
	case status >= 300:
		return failed(BlameLoginService, "the %s service answered %d: %s", what, status, s.env.secrets.Excerpt(answer))
	}
	access, refresh, ok := parseTokens(answer, time.Now())
	if !ok {
		return failed(BlameLoginService, "the %s service answered %d without an access token", what, status)
	}
	return access, refresh, nil
}

// renewalError says why there is no new token, without secrets, and whose fault it is.
type renewalError struct {
	blame Blame
	text  string
}

// Error returns the reason.
func (e *renewalError) Error() string { return e.text }
