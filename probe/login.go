package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/golang-jwt/jwt/v5"

	"squarewatch/config/secret"
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
		faults = append(faults, &Invalid{"login.body", "is missing", `write what the login wants, for example {username: "${env:AISQUARE_USER}", password: "${file:/run/secrets/aisquare}"}`})
	}
	if s.RefreshPath != "" {
		faults = append(faults, validatePath("refresh_path", s.RefreshPath, "write a path on the target, for example /api/v1/token/refresh/"))
	}
	if s.RenewBefore < 0 {
		faults = append(faults, &Invalid{"renew_before", "is " + s.RenewBefore.String(), "write a duration above zero, for example 10m"})
	}
	return errors.Join(faults...)
}

// What holds for tokens when they do not say so themselves, by the API's documentation, and for their renewal.
const (
	accessLifetime     = 7 * 24 * time.Hour
	refreshLifetime    = 30 * 24 * time.Hour
	defaultRenewBefore = 10 * time.Minute
	renewTimeout       = 5 * time.Second
	// A token younger than this that is refused is no reason to get yet another one: that is the API's fault.
	youngToken = time.Minute
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
	inflight *sync.WaitGroup // of renewals that the runner's runs began
	secrets  *secrets
}

// tokens are what a login has brought. Two runners share them while one follows the other: whichever begins a renewal, the
// other's runs wait for it too.
type tokens struct {
	mu       sync.Mutex
	access   token
	refresh  token
	replaced [2]token      // by them
	renewing chan struct{} // closed when the renewal that goes on has ended; nil when none does
	failure  *renewalError // of the last renewal; nil when it succeeded
	notUntil time.Time     // no renewal before, after a failure
	backoff  *backoff.ExponentialBackOff
	done     []Renewal // since they were last drained
}

// token is a secret with its times.
type token struct {
	value  secret.Text
	issued time.Time
	expiry time.Time
}

// renewalError is why there is no token.
type renewalError struct {
	blame Blame
	text  string
}

// Error returns the reason without secrets.
func (e *renewalError) Error() string { return e.text }

// poster makes a POST of JSON to the target for a renewal, and notes its span there.
type poster func(ctx context.Context, path string, body []byte, r *Renewal) (status int, answer []byte, err error)

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

// Authorize sends the access token, and renews it first when it ends soon. Without any token the request goes as a
// stranger's, so that the endpoint is watched all the same; the error says why there was none.
func (l *login) Authorize(ctx context.Context, header http.Header) error {
	held := l.current()
	now := time.Now()
	var err error
	if held.value.IsZero() || now.After(held.expiry.Add(-l.settings.RenewBefore)) {
		err = l.once(ctx, held, held.value.IsZero() || !now.Before(held.expiry))
		held = l.current()
	}
	if held.value.IsZero() {
		return err
	}
	header["Authorization"] = []string{"Bearer " + held.value.Reveal()}
	if now.Before(held.expiry) {
		return nil // what failed was only ahead of time
	}
	return err
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
	case time.Since(held.issued) < youngToken:
		return &renewalError{BlameAPI, "a token issued moments ago is refused"}
	}
	return l.once(ctx, held, true)
}

// once makes sure that a renewal of held goes on or has ended, and waits for it when it must. All who come meanwhile
// wait for the same one.
func (l *login) once(ctx context.Context, held token, must bool) error {
	l.mu.Lock()
	if !l.access.value.Equal(held.value) {
		l.mu.Unlock()
		return nil
	}
	if l.renewing == nil {
		if l.failure != nil && time.Now().Before(l.notUntil) {
			defer l.mu.Unlock()
			return l.failure
		}
		l.begin(ctx)
	} else if !must {
		l.mu.Unlock()
		return nil // the token is good still, and somebody is at it
	}
	ended := l.renewing
	l.mu.Unlock()
	select {
	case <-ended:
	case <-ctx.Done():
		return &renewalError{BlameLoginService, "the login service did not answer in time"}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure != nil {
		return l.failure
	}
	return nil
}

// begin starts a renewal that outlives the run that asked for it: others wait for it too. The lock is held.
func (l *login) begin(ctx context.Context) {
	ended := make(chan struct{})
	l.renewing = ended
	if asker, ok := ctx.Value(askerKey{}).(asker); ok {
		asker.result.AskedRenewal = true // still in the run's own goroutine
	}
	refresh := l.refresh
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewTimeout)
	l.inflight.Go(func() {
		defer close(ended)
		defer cancel()
		r := Renewal{Credential: l.name, Start: time.Now()}
		access, next, err := l.obtain(ctx, refresh, &r)
		r.End = time.Now()
		l.settle(access, next, err, r)
	})
}

// settle keeps what a renewal brought.
func (l *login) settle(access, refresh token, err *renewalError, r Renewal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewing, l.failure = nil, err
	if err != nil {
		r.Error = err.text
		r.Outcome = RenewalUnavailable
		if err.blame == BlameCredential {
			r.Outcome = RenewalRefused
		}
		l.notUntil = time.Now().Add(l.backoff.NextBackOff())
	} else {
		l.access, l.refresh, l.replaced = access, refresh, [2]token{l.access, l.refresh}
		r.Expiry = access.expiry
		l.backoff.Reset()
	}
	const kept = 100 // nobody drains while nothing runs
	if len(l.done) < kept {
		l.done = append(l.done, r)
	}
}

// obtain gets tokens: by the refresh token when there is one, by the login when there is none or it is refused.
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
		if err.blame == BlameLoginService {
			return token{}, token{}, err
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

// ask makes one POST and reads the tokens in its answer.
func (l *login) ask(ctx context.Context, what, path string, body []byte, r *Renewal) (access, refresh token, _ *renewalError) {
	status, answer, err := l.post(ctx, path, body, r)
	switch {
	case err != nil:
		return access, refresh, &renewalError{BlameLoginService, fmt.Sprintf("the %s service gave no answer: %s", what, l.secrets.cleanError(err))}
	case status >= 500 || status == http.StatusTooManyRequests:
		return access, refresh, &renewalError{BlameLoginService, fmt.Sprintf("the %s service answered %d: %s", what, status, l.secrets.excerpt(answer))}
	case status >= 300:
		return access, refresh, &renewalError{BlameCredential, fmt.Sprintf("the %s was refused with %d: %s", what, status, l.secrets.excerpt(answer))}
	}
	access, refresh, ok := parseTokens(answer, time.Now())
	if !ok {
		return access, refresh, &renewalError{BlameLoginService, fmt.Sprintf("the %s service answered %d without an access token", what, status)}
	}
	return access, refresh, nil
}

// parseTokens reads an answer of the login service.
func parseTokens(answer []byte, now time.Time) (access, refresh token, ok bool) {
	var pair struct {
		Access  string `json:"access"`
		Refresh string `json:"refresh"`
	}
	if json.Unmarshal(answer, &pair) != nil || pair.Access == "" || strings.ContainsFunc(pair.Access, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return token{}, token{}, false
	}
	access = token{secret.New(pair.Access), now, expiryOf(pair.Access, now.Add(accessLifetime))}
	if pair.Refresh != "" {
		refresh = token{secret.New(pair.Refresh), now, expiryOf(pair.Refresh, now.Add(refreshLifetime))}
	}
	return access, refresh, true
}

// expiryOf returns when a token ends by its own words (RFC 7519, exp), else the fallback. It is not verified: we do not
// trust it, we only want to know when to ask for another.
func expiryOf(raw string, fallback time.Time) time.Time {
	parsed, _, err := jwt.NewParser().ParseUnverified(raw, jwt.MapClaims{})
	if err != nil {
		return fallback
	}
	expiry, err := parsed.Claims.GetExpirationTime()
	if err != nil || expiry == nil {
		return fallback
	}
	return expiry.Time
}

// postJSON is the runner's poster: fresh connections, the trace of the run that asked, and the limits of any exchange.
func (r *Runner) postJSON(ctx context.Context, path string, body []byte, renewal *Renewal) (int, []byte, error) {
	target, err := r.options.Target.Parse(path)
	if err != nil {
		return 0, nil, fmt.Errorf("the path %q is no path on the target", path)
	}
	header := http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}, "User-Agent": {r.options.UserAgent}}
	asker, _ := ctx.Value(askerKey{}).(asker)
	if asker.result != nil {
		renewal.Trace, renewal.Parent = asker.result.Trace, asker.result.Span
	}
	renewal.Span = r.options.Identifiers.NewAttempt(renewal.Trace, header)
	got := answer{body: new(bytes.Buffer)}
	err = r.exchange(ctx, Fresh, request{method: http.MethodPost, url: target, body: body}, header, &got, &Attempt{})
	return got.code, got.body.Bytes(), err
}

// asker is the run that a renewal belongs to, as its context tells.
type asker struct {
	result *Result
}

type askerKey struct{}
