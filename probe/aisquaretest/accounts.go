package aisquaretest

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// accounts are the principals and their credentials. The API's lock guards them.
type accounts struct {
	keys      map[string]string // principal by API key
	passwords map[string]string // password by principal
	numbers   map[string]int    // number of the account by principal; tokens contain it
	revoked   map[string]bool   // refused keys, tokens and principals
	logins    int
	refreshes int
}

func newAccounts() accounts {
	return accounts{keys: map[string]string{}, passwords: map[string]string{}, numbers: map[string]int{}, revoked: map[string]bool{}}
}

// AddKey adds an API key of a principal.
func (a *API) AddKey(principal, key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.accounts.keys[key] = principal
}

// AddUser adds a principal that logs in with a password, or changes its password. After RemoveUser, it adds another account with the
// same name.
func (a *API) AddUser(principal, password string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.accounts.passwords[principal] = password
}

// RemoveUser removes a principal that logs in. The API refuses its access tokens, but its refresh token still gets new ones, as with
// TokenRefreshSerializer of simplejwt 5.3.1, which does not look for the account:
// https://github.com/jazzband/djangorestframework-simplejwt/blob/v5.3.1/rest_framework_simplejwt/serializers.py.
func (a *API) RemoveUser(principal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.accounts.passwords, principal)
	a.accounts.numbers[principal]++
}

// Revoke makes the API refuse a key, a token, or all credentials of a principal.
func (a *API) Revoke(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.accounts.revoked[what] = true
}

// Restore undoes Revoke.
func (a *API) Restore(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.accounts.revoked, what)
}

// Logins returns the number of successful logins.
func (a *API) Logins() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.accounts.logins
}

// Refreshes returns the number of successful refreshes.
func (a *API) Refreshes() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.accounts.refreshes
}

// RotateSigningKey makes all issued tokens invalid, as a change of the server's secret does. API keys and passwords stay valid.
func (a *API) RotateSigningKey() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.signing = []byte(rand.Text())
}

// principal returns the principal of a request; false without a credential, or with one that is refused.
func (a *API) principal(r *http.Request) (string, bool) {
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return "", false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	principal, known := a.accounts.keys[bearer]
	if !known {
		var number int
		principal, number, known = a.subjectLocked(bearer, "access")
		known = known && number == a.accounts.numbers[principal]
	}
	return principal, known && !a.accounts.revoked[bearer] && !a.accounts.revoked[principal]
}

// claims are what a token says.
type claims struct {
	jwt.RegisteredClaims

	Kind    string `json:"token_type"`
	Account int    `json:"account"` // its number
}

// subjectLocked returns the principal of a valid token of the given kind, and the number of its account.
func (a *API) subjectLocked(token, kind string) (principal string, number int, ok bool) {
	var said claims
	_, err := jwt.ParseWithClaims(token, &said, func(*jwt.Token) (any, error) { return a.signing, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithTimeFunc(time.Now))
	return said.Subject, said.Account, err == nil && said.Kind == kind
}

// issueLocked returns a signed token.
func (a *API) issueLocked(principal string, number int, kind string, lifetime time.Duration) string {
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: principal, ID: rand.Text(), IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
		},
		Kind: kind, Account: number,
	})
	signed, err := token.SignedString(a.signing)
	if err != nil {
		panic(err) // HMAC cannot fail
	}
	return signed
}

// login answers with a pair of tokens. user is the name of the field with the principal.
func (a *API) login(user string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		fields := readJSON(r)
		a.mu.Lock()
		defer a.mu.Unlock()
		principal := fields[user]
		password, known := a.accounts.passwords[principal]
		if !known || password != fields["password"] || a.accounts.revoked[principal] {
			detail(w, http.StatusBadRequest, "No active account found with the given credentials")
			return
		}
		a.accounts.logins++
		number := a.accounts.numbers[principal]
		writeJSON(w, http.StatusOK, map[string]string{
			"access":  a.issueLocked(principal, number, "access", a.options.AccessLifetime),
			"refresh": a.issueLocked(principal, number, "refresh", a.options.RefreshLifetime),
		})
	}
}

// refresh answers with a new access token for a refresh token.
func (a *API) refresh(w http.ResponseWriter, r *http.Request) {
	token := readJSON(r)["refresh"]
	a.mu.Lock()
	defer a.mu.Unlock()
	principal, number, valid := a.subjectLocked(token, "refresh")
	if !valid || a.accounts.revoked[token] || a.accounts.revoked[principal] {
		writeJSON(w, http.StatusBadRequest, map[string]string{"detail": "Token is invalid or expired", "code": "token_not_valid"})
		return
	}
	a.accounts.refreshes++
	writeJSON(w, http.StatusOK, map[string]string{"access": a.issueLocked(principal, number, "access", a.options.AccessLifetime)})
}

// signedIn calls next only for requests of a principal.
func (a *API) signedIn(next func(http.ResponseWriter, *http.Request, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		principal, known := a.principal(r)
		if !known {
			a.refuse(w, r)
			return
		}
		next(w, r, principal)
	}
}

// refuse answers 401. The body says whether credentials are missing or invalid.
func (a *API) refuse(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
	if r.Header.Get("Authorization") == "" {
		detail(w, http.StatusUnauthorized, "Authentication credentials were not provided.")
		return
	}
	writeJSON(w, http.StatusUnauthorized, map[string]any{
		"detail": "Given token not valid for any token type", "code": "token_not_valid",
		"messages": []map[string]string{{"token_class": "AccessToken", "token_type": "access", "message": "Token is invalid"}},
	})
}
