package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"squarewatch/config/secret"
	"squarewatch/config/setting"
)

// LoginSettings are the keys of a credential that logs in and gets tokens.
type LoginSettings struct {
	Login       LoginRequest  `yaml:"login"`
	RefreshPath string        `yaml:"refresh_path,omitempty"` // POST {"refresh": …} gives a new access token
	RenewBefore time.Duration `yaml:"renew_before,omitempty"` // ahead of the access token's expiry; 10m when absent
}

// LoginRequest is a POST of a JSON object whose answer holds access and, if it likes, refresh.
type LoginRequest struct {
	Path string                 `yaml:"path"`
	Body map[string]secret.Text `yaml:"body"`
}

// Validate reports what is wrong with the settings.
func (s LoginSettings) Validate() error {
	var faults []error
	faults = append(faults, validatePath("login.path", s.Login.Path, "write a path on the target, for example /api/v1/token/"))
	if len(s.Login.Body) == 0 {
		faults = append(faults, &setting.Invalid{Field: "login.body", Problem: "is missing", Fix: `write what the login wants, for example {username: "${env:AISQUARE_USER}", password: "${file:/run/secrets/aisquare}"}`})
	}
	if s.RefreshPath != "" {
		faults = append(faults, validatePath("refresh_path", s.RefreshPath, "write a path on the target, for example /api/v1/token/refresh/"))
	}
	if s.RenewBefore < 0 {
		faults = append(faults, &setting.Invalid{Field: "renew_before", Problem: "is " + s.RenewBefore.String(), Fix: "write a duration above zero, for example 10m"})
	}
	return errors.Join(faults...)
}

// What holds for tokens when they do not say so themselves, by the API's documentation, and for their renewal.
const (
	accessLifetime     = 7 * 24 * time.Hour
	refreshLifetime    = 30 * 24 * time.Hour
	defaultRenewBefore = 10 * time.Minute
	askTimeout         = 5 * time.Second // of each POST; a renewal makes two at most
)

// login is a credential that is renewed: one renewal at a time, whoever asks, and none while the last failure is fresh.
type login struct {
	settings LoginSettings
	use
	*tokens
}

// use is what a runner gives a credential that it uses.
type use struct {
	name     string
	post     poster
	renewals *renewals // that the runner's runs began
	secrets  *secrets
}

// renewalError is why there is no token.
type renewalError struct {
	blame Blame
	text  string
}

// Error returns the reason without secrets.
func (e *renewalError) Error() string { return e.text }

// renewable is a credential that can be had anew after it was refused.
type renewable interface { //nolint:interfacebloat // one life, from its making to its end; only this package asks for it
	Credential
	// attach returns the same credential, tokens and all, for the runs of one runner. It is left as it is for others.
	attach(u use) Credential
	// renew gets another token, unless the refused one has been replaced already. It returns nil when there is a new one.
	renew(ctx context.Context, refused http.Header) error
	// drain returns the renewals since the last call.
	drain() []Renewal
}

// Renewable reports whether a credential is ever renewed: a key is not.
func Renewable(c Credential) bool {
	_, ok := c.(renewable)
	return ok
}

var _ renewable = (*login)(nil)

// NewLogin returns a credential that logs in when it is first needed.
func NewLogin(s LoginSettings) (Credential, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if s.RenewBefore == 0 {
		s.RenewBefore = defaultRenewBefore
	}
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.RandomizationFactor = time.Second, 5*time.Minute, 0
	return &login{settings: s, tokens: &tokens{backoff: b}}, nil
}

func (l *login) attach(u use) Credential {
	return &login{settings: l.settings, use: u, tokens: l.tokens}
}

func (l *login) drain() []Renewal {
	l.mu.Lock()
	defer l.mu.Unlock()
	done := l.done
	l.done = nil
	return done
}

// Authorize sends the access token. One that ends soon is renewed meanwhile; one that has ended is renewed first, and sent all
// the same when that fails: whether it is good is the API's word, by the API's clock. Without any token the request goes as a
// stranger's, so that the endpoint is watched all the same; the error says why there was none.
func (l *login) Authorize(ctx context.Context, header http.Header) error {
	held := l.current()
	now := time.Now()
	var err error
	if held.value.IsZero() || (askerOf(ctx).renews && held.due(now, l.settings.RenewBefore)) {
		err = l.once(ctx, held, held.value.IsZero() || !now.Before(held.expiry))
		held = l.current()
	}
	if held.value.IsZero() {
		return err
	}
	header["Authorization"] = []string{"Bearer " + held.value.Reveal()}
	return nil
}

func (l *login) current() token {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.access
}

// renew replaces a refused token. One that is young is kept: to get another would not help, and would storm the login.
func (l *login) renew(ctx context.Context, refused http.Header) error {
	held := l.current()
	switch {
	case refused.Get("Authorization") != "Bearer "+held.value.Reveal():
		return nil // somebody was quicker
	case held.young(time.Now()):
		return &renewalError{BlameAPI, "a token issued moments ago is refused"}
	}
	return l.once(ctx, held, true)
}

// obtain gets tokens: by the refresh token when there is one, by the login when there is none or that brought nothing. However
// the refresh failed, a login is worth its one request: it comes once for each step of the back-off.
func (l *login) obtain(ctx context.Context, refresh token, r *Renewal) (access, next token, err *renewalError) {
	if l.settings.RefreshPath != "" && !refresh.value.IsZero() && time.Now().Before(refresh.expiry) {
		body, _ := json.Marshal(map[string]string{"refresh": refresh.value.Reveal()}) // texts always marshal
		access, next, err = l.ask(ctx, "refresh", l.settings.RefreshPath, body, r)
		if err == nil {
			r.Outcome = Refreshed
			if next.value.IsZero() {
				next = refresh
			}
			return access, next, nil
		}
	}
	fields := make(map[string]string, len(l.settings.Login.Body))
	for name, value := range l.settings.Login.Body {
		fields[name] = value.Reveal()
	}
	body, _ := json.Marshal(fields)
	r.Outcome = LoggedIn
	return l.ask(ctx, "login", l.settings.Login.Path, body, r)
}

// ask makes one POST and reads the tokens in its answer. Only an answer that speaks of what we sent is the credential's fault.
func (l *login) ask(ctx context.Context, what, path string, body []byte, r *Renewal) (access, refresh token, _ *renewalError) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	status, answer, err := l.post(ctx, path, body, r)
	switch {
	case err != nil:
		return access, refresh, &renewalError{BlameLoginService, fmt.Sprintf("the %s service gave no answer: %s", what, l.secrets.cleanError(err))}
	case status == http.StatusBadRequest, status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusUnprocessableEntity:
		return access, refresh, &renewalError{BlameCredential, fmt.Sprintf("the %s was refused with %d: %s", what, status, l.secrets.excerpt(answer))}
	case status >= 300:
		return access, refresh, &renewalError{BlameLoginService, fmt.Sprintf("the %s service answered %d: %s", what, status, l.secrets.excerpt(answer))}
	}
	access, refresh, ok := parseTokens(answer, time.Now())
	if !ok {
		return access, refresh, &renewalError{BlameLoginService, fmt.Sprintf("the %s service answered %d without an access token", what, status)}
	}
	return access, refresh, nil
}

var _ holder = (*login)(nil)

// holds returns what the login sends, and the tokens, those before the present ones too: an answer may have been on its way.
func (l *login) holds() []string {
	var all []string
	for _, value := range l.settings.Login.Body {
		all = append(all, value.Reveal())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range []token{l.access, l.refresh, l.replaced[0], l.replaced[1]} {
		all = append(all, t.value.Reveal())
	}
	return all
}
