package probe

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"squarewatch/probe/blame"
)

// tokens are the tokens of a login and the state of their renewal. During a reload two runners share them: the runs of both
// wait for the same renewal.
type tokens struct {
	mu          sync.Mutex
	access      token
	refresh     token
	earlier     [2]token      // the access and the refresh token before these
	renewing    chan struct{} // closed when the running renewal has ended; nil when none runs
	failure     *renewalError // of the last renewal; nil when it succeeded
	notBefore   time.Time     // after a failure no renewal starts before this time, except an urgent one
	pausedUntil time.Time     // no renewal starts before this time, not even an urgent one: the login service asked for a pause (Retry-After)
	backoff     *backoff.ExponentialBackOff
	ended       []Renewal // renewals that ended since Finish was last called

	accepted       bool // the API has accepted the access token
	refreshUseless bool // the API refused an access token that a refresh returned, and has accepted none since; the next renewal logs in

	last       blame.Renewal
	replacedAt time.Time // when a refused token was last replaced
	urgentAt   time.Time // when an urgent renewal was last allowed
	urgentUsed bool      // an urgent renewal was allowed since runs began to end with 401; a run that ends otherwise resets it
}

// longestPause limits the pause that the login service may ask for. A wrong date in its answer must not stop logins for a day.
const longestPause = time.Hour

// newTokens returns empty tokens. Failed renewals are repeated after 1 s at first and after 5 min at most.
func newTokens() *tokens {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.RandomizationFactor = time.Second, 5*time.Minute, 0
	return &tokens{backoff: b}
}

// current returns the access token; the zero token when there is none.
func (t *tokens) current() token {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.access
}

func (t *tokens) secrets() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []string
	for _, token := range []token{t.access, t.refresh, t.earlier[0], t.earlier[1]} {
		all = append(all, token.value.Reveal())
	}
	return all
}

// store keeps the outcome of a renewal.
func (t *tokens) store(access, refresh token, err *renewalError, r Renewal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.renewing, t.failure = nil, err
	switch {
	case err == nil:
		t.last = blame.Renewal{At: r.End, Renewed: true, LoggedIn: r.Outcome == LoggedIn}
	case !err.shortage: // a shortage of our own says nothing about the login service
		t.last = blame.Renewal{At: r.End, Refused: err.refused, Page: err.page, Words: err.words}
	}
	if err != nil {
		r.Error = err.text
		r.Outcome = RenewalUnavailable
		if err.refused {
			r.Outcome = RenewalRefused
		}
		t.notBefore = time.Now().Add(t.backoff.NextBackOff())
		if err.pause > 0 {
			t.pausedUntil = time.Now().Add(min(err.pause, longestPause))
		}
	} else {
		t.access, t.refresh, t.earlier = access, refresh, [2]token{t.access, t.refresh}
		t.accepted, t.refreshUseless = false, t.refreshUseless && r.Outcome == Refreshed
		r.Expiry = access.expiry
		t.backoff.Reset()
	}
	const limit = 100 // only runs take renewals out of the list; without runs it must not grow
	if len(t.ended) < limit {
		t.ended = append(t.ended, r)
	}
}

// answerLocked records what the API answered to a request with the held access token, unless the token has expired since. After an account
// was deleted, and perhaps created again, refreshes can still succeed. The API then refuses the access tokens that they return, and only a
// login helps; see Renew.
func (t *tokens) answerLocked(code int) {
	switch {
	case !time.Now().Before(t.access.expiry):
	case code == http.StatusUnauthorized:
		t.refreshUseless = t.refreshUseless || !t.accepted && !t.last.LoggedIn
	case code != 0 && code < http.StatusBadRequest: // 0: a run without an answer says nothing about the token
		t.accepted, t.refreshUseless = true, false
	}
}

// renewOnce makes sure that a renewal of the held token is running. If wait is set it waits for the end of the renewal. It waits for at
// most half of the time that the run has left, so that the run does not time out when the login service hangs.
func (s loginSession) renewOnce(ctx context.Context, r AuthRequest, held token, wait bool) (AuthResult, error) {
	ended, started, failure := s.joinRenewal(ctx, r, held)
	result := AuthResult{RenewalAsked: started}
	if ended != nil && wait {
		failure = s.awaitRenewal(ctx, ended)
	}
	if failure != nil {
		result.Shortage = failure.shortage
		return result, failure
	}
	return result, nil
}

// joinRenewal starts a renewal of the held token if none runs, and reports whether it did. It returns a channel that is closed when the
// renewal has ended. The channel is nil in two cases. The token has already been replaced: failure is nil. Or no renewal may start, and
// failure says why: the token is too young to replace, the back-off is not over, or the login service asked for a pause (Retry-After).
func (s loginSession) joinRenewal(
	ctx context.Context, r AuthRequest, held token,
) (ended <-chan struct{}, started bool, failure *renewalError) {
	t := s.tokens
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !t.access.value.Equal(held.value):
		return nil, false, nil
	case t.renewing != nil:
		return t.renewing, false, nil
	case r.refused && !t.allowReplacementLocked(held):
		return nil, false, &renewalError{text: "the API refused a token that was just issued"}
	case t.failure != nil && time.Now().Before(t.pausedUntil),
		t.failure != nil && time.Now().Before(t.notBefore) && (!r.refused || !t.allowUrgentLocked(r.Start)):
		return nil, false, t.failure
	}
	s.startLocked(ctx, r)
	return t.renewing, true, nil
}

// startLocked starts a renewal in the background. The renewal continues after its run has ended, because other runs wait for it.
func (s loginSession) startLocked(ctx context.Context, r AuthRequest) {
	ended := make(chan struct{})
	s.tokens.renewing = ended
	refresh := s.tokens.refresh
	if s.tokens.refreshUseless {
		refresh = token{}
	}
	renewal := Renewal{Credential: s.env.name, Trace: r.Trace, Parent: r.Span}
	s.env.renewals.start(ctx, func(ctx context.Context) {
		defer close(ended)
		renewal.Start = time.Now()
		access, next, err := s.obtain(ctx, refresh, r.refused, &renewal)
		renewal.End = time.Now()
		s.tokens.store(access, next, err, renewal)
	})
}

// awaitRenewal waits for the end of a renewal and returns why it failed; nil when it succeeded.
func (s loginSession) awaitRenewal(ctx context.Context, ended <-chan struct{}) *renewalError {
	limit := postTimeout
	if deadline, ok := ctx.Deadline(); ok {
		limit = time.Until(deadline) / 2
	}
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	t := s.tokens
	select {
	case <-ended:
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.failure
	case <-waiting.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.renewing != nil {
		t.last = blame.Renewal{At: time.Now(), Words: "it did not answer in time"}
	}
	return errSlowLogin
}

// errSlowLogin is the error of a run whose renewal did not end in time.
var errSlowLogin = &renewalError{text: "the login service did not answer in time"}

// allowReplacementLocked reports whether a refused token may be replaced. If it may, the present time is recorded. A young token may be
// replaced once a minute (youngToken), because its refusal may be an accident. More new tokens would not help, and would flood the login
// service.
func (t *tokens) allowReplacementLocked(held token) bool {
	now := time.Now()
	since := now.Sub(t.replacedAt)
	if held.isYoung(now) && since >= 0 && since < youngToken {
		return false
	}
	t.replacedAt = now
	return true
}

// urgentPause is the shortest time between two urgent renewals.
const urgentPause = 30 * time.Second

// allowUrgentLocked reports whether a renewal may start although the back-off is not over, and records that it allowed one. It is for a run
// that began at the given time and was refused. None may start if the last renewal ended after that: the run did not use its outcome. One
// renewal may start when the API begins to answer 401, because the outage that made logins fail may be over.
func (t *tokens) allowUrgentLocked(began time.Time) bool {
	now := time.Now()
	if t.urgentUsed || !t.last.At.Before(began) || now.Sub(t.urgentAt) < urgentPause {
		return false
	}
	t.urgentUsed, t.urgentAt = true, now
	return true
}

// renewals are the renewals that the runs of one runner have started. A renewal may outlive its run.
type renewals struct {
	sync.WaitGroup

	cancelled chan struct{} // closed by CancelRenewals, when nothing needs the renewals any more
}

// start runs a renewal in the background. It keeps ctx's values but not its cancellation.
func (r *renewals) start(ctx context.Context, renew func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.Go(func() {
		select {
		case <-r.cancelled:
			cancel()
		case <-ctx.Done():
		}
	})
	r.Go(func() {
		defer cancel()
		renew(ctx)
	})
}
