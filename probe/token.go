package probe

import (
	"encoding/json"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"squarewatch/config/secret"
)

// token is a secret with its times. They are of the wall clock, which goes on while the machine sleeps, as tokens do.
type token struct {
	value    secret.Text
	issued   time.Time
	expiry   time.Time
	lifetime time.Duration
}

// Bounds of how young a token can be.
const (
	youngToken    = time.Minute
	youngestToken = 5 * time.Second // a token that lives hardly longer is no good anyway
)

// young reports whether a token is so new that there is no reason to get yet another one, even when it is refused: that is
// the API's fault.
func (t token) young(now time.Time) bool {
	age := now.Sub(t.issued) // below zero when the clock was set back, and then it tells nothing
	return age >= 0 && age < max(youngestToken, min(youngToken, t.lifetime/3*2))
}

// due reports whether it is time for another token: that long before this one ends, but not before two thirds of its life.
func (t token) due(now time.Time, ahead time.Duration) bool {
	return !t.young(now) && now.After(t.expiry.Add(-min(ahead, t.lifetime/3)))
}

// parseTokens reads an answer of the login service.
func parseTokens(answer []byte, now time.Time) (access, refresh token, ok bool) {
	var pair struct {
		Access  string `json:"access"`
		Refresh string `json:"refresh"`
	}
	if json.Unmarshal(answer, &pair) != nil || pair.Access == "" || !bearable(pair.Access) {
		return token{}, token{}, false
	}
	access = newToken(pair.Access, now, accessLifetime)
	if pair.Refresh != "" {
		refresh = newToken(pair.Refresh, now, refreshLifetime)
	}
	return access, refresh, true
}

// newToken returns a token that lives as long as it says itself (RFC 7519: exp, and iat where it is there), else as long as is
// documented. It is not verified: we do not trust it, we only want to know when to ask for another.
//
// Its words are by the clock of whoever made it. Where that clock is another time than ours, how long the token lives counts from now.
func newToken(raw string, now time.Time, documented time.Duration) token {
	now = now.Round(0)
	t := token{value: secret.New(raw), issued: now, expiry: now.Add(documented), lifetime: documented}
	made, end := timesOf(raw)
	lifetime := end.Sub(now)
	if !made.IsZero() && made.Before(end) {
		lifetime = end.Sub(made)
	}
	if end.IsZero() || lifetime <= 0 { // a token that has ended already, and does not say how long it lives
		return t
	}
	t.lifetime, t.expiry = lifetime, now.Add(lifetime)
	if end.After(now) && end.Before(t.expiry) {
		t.expiry = end
	}
	return t
}

// timesOf returns when a token was made and when it ends, zero where it does not say.
func timesOf(raw string) (made, end time.Time) {
	parsed, _, err := jwt.NewParser().ParseUnverified(raw, jwt.MapClaims{})
	if err != nil {
		return made, end
	}
	if at, err := parsed.Claims.GetIssuedAt(); err == nil && at != nil {
		made = at.Time
	}
	if at, err := parsed.Claims.GetExpirationTime(); err == nil && at != nil {
		end = at.Time
	}
	return made, end
}
