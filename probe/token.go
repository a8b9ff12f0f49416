package probe

import (
	"encoding/json"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"squarewatch/config/secret"
)

// token is a secret with its times. The times have no monotonic part: the monotonic clock stops while the machine sleeps, and
// a token ages meanwhile.
type token struct {
	value    secret.Text
	issued   time.Time
	expiry   time.Time
	lifetime time.Duration
}

// Lifetimes of tokens that do not state their own, as AISquare documents them.
const (
	accessLifetime  = 7 * 24 * time.Hour
	refreshLifetime = 30 * 24 * time.Hour
)

// Bounds of the age at which a token stops being young.
const (
	youngToken    = time.Minute
	youngestToken = 5 * time.Second // also for a token with a very short lifetime
)

// header returns the value of the Authorization header.
func (t token) header() string { return "Bearer " + t.value.Reveal() }

// isYoung reports whether a token is so new that replacing it is useless, even if the API refuses it. A negative age means that
// the clock was set back; the token then counts as old.
func (t token) isYoung(now time.Time) bool {
	age := now.Sub(t.issued)
	return age >= 0 && age < max(youngestToken, min(youngToken, t.lifetime/3*2))
}

// isDue reports whether a token should be renewed: within the given time before its expiry, but not in the first two thirds of
// its lifetime.
func (t token) isDue(now time.Time, before time.Duration) bool {
	return !t.isYoung(now) && now.After(t.expiry.Add(-min(before, t.lifetime/3)))
}

// parseTokens reads an answer of the login service. It returns false when there is no usable access token.
func parseTokens(answer []byte, now time.Time) (access, refresh token, ok bool) {
	var pair struct {
		Access  string `json:"access"`
		Refresh string `json:"refresh"`
	}
	if json.Unmarshal(withoutBOM(answer), &pair) != nil || pair.Access == "" || !validBearer(pair.Access) {
		return token{}, token{}, false
	}
	access = newToken(pair.Access, now, accessLifetime)
	if pair.Refresh != "" {
		refresh = newToken(pair.Refresh, now, refreshLifetime)
	}
	return access, refresh, true
}

// newToken returns a token with the lifetime that its claims exp and iat state (RFC 7519), or else with the documented one. The
// signature is not verified, because the claims are used only to decide when to renew.
//
// The claims use the clock of the issuer, which may differ from ours, so the lifetime counts from now. When exp comes earlier by our
// clock, the token ends at exp. Its lifetime is then stated too long: simplejwt copies iat from the refresh token to the access token
// (https://github.com/jazzband/djangorestframework-simplejwt/blob/master/rest_framework_simplejwt/tokens.py, no_copy_claims).
func newToken(raw string, now time.Time, documented time.Duration) token {
	now = now.Round(0)
	t := token{value: secret.New(raw), issued: now, expiry: now.Add(documented), lifetime: documented}
	issued, expiry := claimTimes(raw)
	lifetime := expiry.Sub(now)
	if !issued.IsZero() && issued.Before(expiry) {
		lifetime = expiry.Sub(issued)
	}
	if expiry.IsZero() || lifetime <= 0 { // already expired, and without the time of issue
		return t
	}
	t.lifetime, t.expiry = lifetime, now.Add(lifetime)
	if expiry.After(now) && expiry.Before(t.expiry) {
		t.lifetime, t.expiry = expiry.Sub(now), expiry
	}
	return t
}

// claimTimes returns the claims iat and exp of a JSON Web Token; zero where it has none.
func claimTimes(raw string) (issued, expiry time.Time) {
	parsed, _, err := jwt.NewParser().ParseUnverified(raw, jwt.MapClaims{})
	if err != nil {
		return issued, expiry
	}
	if at, err := parsed.Claims.GetIssuedAt(); err == nil && at != nil {
		issued = at.Time
	}
	if at, err := parsed.Claims.GetExpirationTime(); err == nil && at != nil {
		expiry = at.Time
	}
	return issued, expiry
}
