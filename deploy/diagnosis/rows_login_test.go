//go:build diagnosis

package diagnosis_test

import (
	"net/http"
	"time"
)

// blacklisted is what the API says to a refresh token that was used or withdrawn.
const blacklisted = `{"detail": "Token is blacklisted", "code": "token_not_valid"}`

// rotate changes the key that signs the API's tokens.
func rotate(s *stage) error {
	s.api.RotateSigningKey()
	return nil
}

// loginRows are faults of the login service and of accounts that log in.
func loginRows() []row {
	short, long := setup{login: true}, setup{login: true, long: true}
	lapsing := 30 * time.Second
	service := path(tokenPath, refreshPath)
	return []row{
		{name: "the account is disabled", setup: short, harm: revoke(member), want: []culprit{credential}, lasts: lapsing},
		{name: "the account is disabled, with fresh tokens", setup: long, harm: revoke(member), want: []culprit{credential}, lasts: lapsing},
		{
			name: "the password was changed", setup: short, want: []culprit{credential}, lasts: lapsing,
			harm: both(answers(path(tokenPath), 1, jsonAnswer(401, noAccount)),
				answers(path(refreshPath), 1, jsonAnswer(401, blacklisted))),
		},
		{
			name: "a disabled account whose refresh works", ref: "D7", hard: true, setup: short, want: []culprit{credential}, lasts: lapsing,
			harm: both(answers(refused, 1, jsonAnswer(401, inactive)), answers(path(tokenPath), 1, jsonAnswer(401, noAccount))),
		},
		{
			name: "the login service answers 500", setup: short, want: []culprit{login}, lasts: lapsing,
			harm: answers(service, 1, jsonAnswer(500, dbGone)),
		},
		{
			name: "the login service says nothing", setup: short, want: []culprit{login}, lasts: lapsing,
			harm: answers(service, 1, slowly(20*time.Second)),
		},
		{
			name: "a gateway answers for the login service", hard: true, setup: short, want: []culprit{login, gateway}, lasts: lapsing,
			harm: answers(service, 1, pageAnswer(503, "503 Service Temporarily Unavailable")),
		},
		{
			name: "a page instead of the login service", setup: short, want: []culprit{login, gateway}, lasts: lapsing,
			harm: answers(service, 1, pageAnswer(200, "Sign in")),
		},
		{
			name: "a firewall before the login service", hard: true, setup: short, want: []culprit{login, gateway}, lasts: lapsing,
			harm: answers(service, 1, pageAnswer(403, "Attention Required! | Firewall")),
		},
		{
			name: "the login service throttles us", hard: true, setup: short, want: []culprit{login}, lasts: lapsing,
			harm: answers(service, 1, jsonAnswer(429, `{"detail": "Request was throttled. Expected available in 60 seconds."}`)),
		},
		{
			name: "the login service gives no token", setup: short, want: []culprit{login}, lasts: lapsing,
			harm: answers(service, 1, jsonAnswer(200, `{"detail": "A second factor is required."}`)),
		},
		{
			name: "the login service fails for some requests", hard: true, setup: short, want: []culprit{nobody, login}, lasts: lapsing,
			harm: answers(service, 0.3, jsonAnswer(500, dbGone)),
		},
		{
			name: "fresh tokens are refused", setup: short, want: []culprit{api}, lasts: lapsing,
			harm: answers(refused, 1, jsonAnswer(401, notValid)),
		},
		{
			name: "fresh tokens are refused in some runs", ref: "D4", hard: true, setup: long, want: []culprit{api},
			harm: answers(refused, 0.6, jsonAnswer(401, notValid)),
		},
		{
			name: "the tokens of a login and a key are refused together", ref: "D8", hard: true, setup: setup{login: true, two: true},
			harm: answers(refused, 1, jsonAnswer(401, notValid)), want: []culprit{api}, lasts: lapsing,
		},
		{
			name: "the refresh token is blacklisted", setup: short, want: []culprit{nobody}, lasts: lapsing,
			harm: answers(path(refreshPath), 1, jsonAnswer(401, blacklisted)),
		},
		{
			name: "the refresh fails, the login works", hard: true, setup: short, want: []culprit{nobody},
			harm: answers(path(refreshPath), 1, jsonAnswer(500, dbGone)),
		},
		{name: "the signing key is rotated soon after the login", ref: "D16", hard: true, setup: long, harm: rotate, want: []culprit{nobody}},
		{
			name: "an outage in which tokens lapse", ref: "D11", hard: true, setup: short, harm: answers(all, 1, jsonAnswer(500, dbGone)),
			want: []culprit{api}, lasts: lapsing,
		},
		{
			name: "an outage of a gateway in which tokens lapse", ref: "D11", hard: true, setup: short, want: []culprit{gateway}, lasts: lapsing,
			harm: answers(all, 1, pageAnswer(http.StatusBadGateway, "502 Bad Gateway")),
		},
	}
}
