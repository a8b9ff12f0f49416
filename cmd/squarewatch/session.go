package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"squarewatch/probe/redact"
)

const (
	sessionCookie = "squarewatch_session"
	sessionLength = 12 * time.Hour
)

// session is the content of a browser's cookie after a login with web.token. The token signs the cookie. A change of the token ends the
// session; a restart does not.
type session struct {
	Name string `json:"name"` // as the person calls themselves
	Ends int64  `json:"ends"` // Unix time
}

// seal returns the value of the cookie.
func (s session) seal(token string) string {
	payload, _ := json.Marshal(s) // a text and a number
	text := base64.RawURLEncoding.EncodeToString(payload)
	return text + "." + signature(token, text)
}

// openSession reads the value of a cookie; false when it was not sealed with the token, or has ended.
func openSession(value, token string, now time.Time) (session, bool) {
	text, signed, ok := strings.Cut(value, ".")
	if token == "" || !ok || !hmac.Equal([]byte(signed), []byte(signature(token, text))) {
		return session{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(text)
	var s session
	if err != nil || json.Unmarshal(payload, &s) != nil || now.Unix() >= s.Ends {
		return session{}, false
	}
	s.Name = redact.Text(s.Name, longestName)
	return s, true
}

func signature(token, text string) string {
	mac := hmac.New(sha256.New, []byte("squarewatch session "+token))
	_, _ = mac.Write([]byte(text)) // never fails: https://pkg.go.dev/hash#Hash
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// sessionOf returns the session of a request; false for none.
func (d *Daemon) sessionOf(r *http.Request) (session, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return session{}, false
	}
	return openSession(cookie.Value, d.config().Web.Token.Reveal(), time.Now())
}

const (
	maxWrongTokens = 10 // wrong tokens in a login form, of all browsers together
	guessWindow    = time.Minute
)

// wrongTokens counts wrong tokens, to limit how many can be tried.
type wrongTokens struct {
	mu    sync.Mutex
	wrong []time.Time
}

// allowed reports whether another token may be tried.
func (g *wrongTokens) allowed(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.wrong) > 0 && now.Sub(g.wrong[0]) >= guessWindow {
		g.wrong = g.wrong[1:]
	}
	return len(g.wrong) < maxWrongTokens
}

func (g *wrongTokens) add(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wrong = append(g.wrong, now)
}
