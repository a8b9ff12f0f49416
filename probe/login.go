package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"squarewatch/config/secret"
	"squarewatch/config/setting"
	"squarewatch/probe/redact"
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

// NewLogin returns a credential that logs in when a request first needs it. An error is a joined [setting.Invalid].
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
	if held.value.IsZero() || (r.RenewExpiring && held.isDue(now, s.settings.RenewBefore)) {
		result, err = s.renewOnce(ctx, r, held, held.value.IsZero() || !now.Before(held.expiry))
		held = s.tokens.current()
	}
	if held.value.IsZero() {
		return result, err
	}
	r.Header["Authorization"] = []string{held.header()}
	return AuthResult{RenewalAsked: result.RenewalAsked}, nil
}

// Renew replaces a token that the API refused, or gets one where the request had none. It logs in, even where a refresh would do: a
// disabled account can often refresh its tokens, so only the login tells whether our credential is good. Earlier versions of simplejwt
// check the account at the login and at each request, but not at a refresh: TokenRefreshSerializer in
// https://github.com/jazzband/djangorestframework-simplejwt/blob/v5.3.1/rest_framework_simplejwt/serializers.py. A token may
// also expire after it was sent. Its refusal says nothing about the account, so Renew renews it like any other token that expires.
func (s loginSession) Renew(ctx context.Context, r AuthRequest) (AuthResult, error) {
	held := s.tokens.current()
	if !held.value.IsZero() && r.Header.Get("Authorization") != held.header() {
		return AuthResult{}, nil // already replaced
	}
	expiredOnItsWay := r.Start.Before(held.expiry) && !time.Now().Before(held.expiry)
	r.refused = !expiredOnItsWay
	return s.renewOnce(ctx, r, held, true)
}

// Finish adds the renewals that have ended since the last call. It returns the newest one, and whether the token in the header is new.
func (s loginSession) Finish(r *Result, sent http.Header) CredentialState {
	t := s.tokens
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Renewals, t.ended = t.ended, nil
	if r.Class != ClassNone && r.Code != http.StatusUnauthorized {
		t.urgentUsed = false
	}
	held := !t.access.value.IsZero() && sent.Get("Authorization") == t.access.header()
	if held {
		r.CredentialIssued = t.access.issued
	}
	if held && r.Class != ClassNone {
		t.answerLocked(r.Code)
	}
	return CredentialState{Renewal: t.last, NewToken: held && t.access.isYoung(time.Now())}
}

// obtain gets new tokens: with the refresh token and, when that fails, by a login. After the API refused a token the login comes first, and
// its refusal is final; see Renew. The back-off limits how often this happens. If the service asks for a pause, obtain makes no second
// request.
func (s loginSession) obtain(ctx context.Context, refresh token, refused bool, r *Renewal) (access, next token, err *renewalError) {
	mayRefresh := s.settings.RefreshPath != "" && !refresh.value.IsZero() && time.Now().Before(refresh.expiry)
	if mayRefresh && !refused {
		if access, next, err = s.refreshed(ctx, refresh, r); err == nil || err.pause > 0 {
			return access, next, err
		}
	}
	fields := make(map[string]string, len(s.settings.Login.Body))
	for name, value := range s.settings.Login.Body {
		fields[name] = value.Reveal()
	}
	body, _ := json.Marshal(fields)
	r.Outcome = LoggedIn
	access, next, err = s.request(ctx, "login", s.settings.Login.Path, body, r)
	if err == nil || err.refused || err.pause > 0 || !mayRefresh || !refused {
		return access, next, err
	}
	if access, next, failure := s.refreshed(ctx, refresh, r); failure == nil {
		return access, next, nil
	}
	return access, next, err
}

// refreshed gets a new access token with the refresh token, and keeps the refresh token if the answer has no other.
func (s loginSession) refreshed(ctx context.Context, refresh token, r *Renewal) (access, next token, err *renewalError) {
	body, _ := json.Marshal(map[string]string{"refresh": refresh.value.Reveal()}) // a string always marshals
	r.Outcome = Refreshed
	access, next, err = s.request(ctx, "refresh", s.settings.RefreshPath, body, r)
	if next.value.IsZero() {
		next = refresh
	}
	return access, next, err
}

// request makes one POST and reads the tokens in the answer. The login service refuses our credential only with a status that refers to
// the data that was sent, and not with a page: that comes from a gateway before it.
func (s loginSession) request(ctx context.Context, what, path string, body []byte, r *Renewal) (access, refresh token, _ *renewalError) {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	got, err := s.env.post(ctx, path, body, r)
	if err != nil {
		text, short := s.env.secrets.Error(err), isShortage(err)
		if short {
			return access, refresh, &renewalError{shortage: true, text: "no " + what + " was possible: " + text}
		}
		return access, refresh, &renewalError{text: "the " + what + " service did not answer: " + text, words: "it did not answer"}
	}
	answer := got.body.Bytes()
	failure := &renewalError{
		page: isPage(got.header, answer), words: s.env.secrets.Excerpt(answer), pause: retryAfter(got.header.Get("Retry-After"), time.Now()),
	}
	switch got.code {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity:
		failure.refused = !failure.page
	}
	access, refresh, ok := parseTokens(answer, time.Now())
	switch {
	case failure.refused:
		failure.text = fmt.Sprintf("the %s was refused with %d: %s", what, got.code, failure.words)
	case got.code >= 300 && got.code < 400 && got.header.Get("Location") != "":
		failure.describeRedirect(got, s.env.secrets, what, path)
	case got.code >= 300:
		failure.text = fmt.Sprintf("the %s service answered %d: %s", what, got.code, failure.words)
		failure.words = strings.TrimSpace(fmt.Sprintf("%d %s", got.code, failure.words))
	case !ok:
		failure.text = fmt.Sprintf("the %s service answered %d without an access token", what, got.code)
		failure.words = fmt.Sprintf("%d without an access token", got.code)
	default:
		return access, refresh, nil
	}
	return token{}, token{}, failure
}

// describeRedirect says where a redirect of the login service leads. The path in the settings is wrong then, for example because the slash
// at its end is missing. Django redirects such a request, and its body would be lost:
// https://docs.djangoproject.com/en/stable/ref/settings/#append-slash.
func (e *renewalError) describeRedirect(got answer, secrets *redact.Secrets, what, path string) {
	to, advice := got.header.Get("Location"), "; if it has moved there, write that as "
	if u, err := url.Parse(to); err == nil && strings.TrimSuffix(u.Path, "/") == strings.TrimSuffix(path, "/") {
		to, advice = u.Path, ": write that as " // another spelling of the same path
	}
	e.words = fmt.Sprintf("%d, a redirect to %s", got.code, secrets.Text(to, 200))
	key := map[string]string{"login": "login.path", "refresh": "refresh_path"}[what]
	e.text = "the " + what + " service answered " + e.words + advice + key
}

// renewalError says why there is no new token, without secrets.
type renewalError struct {
	text     string
	words    string // what the login service said or did, for people
	refused  bool   // the login service refused our credential
	page     bool   // the answer is a page, not one of the login service
	shortage bool   // squarewatch or its machine ran out of something

	pause time.Duration // for which the login service wants no request (Retry-After); 0 for none
}

// Error returns the reason.
func (e *renewalError) Error() string { return e.text }
