package probe

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"squarewatch/config/secret"
)

// token is a secret with its times.
type token struct {
	value  secret.Text
	issued time.Time
	expiry time.Time
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
