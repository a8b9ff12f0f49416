//go:build diagnosis

package diagnosis_test

import (
	"time"

	"squarewatch/probe/aisquaretest"
)

// What the API says to credentials that it refuses.
const (
	notValid = `{"detail": "Given token not valid for any token type", "code": "token_not_valid", "messages": [` +
		`{"token_class": "AccessToken", "token_type": "access", "message": "Token is invalid or expired"}]}`
	inactive     = `{"detail": "User is inactive", "code": "user_inactive"}`
	noAccount    = `{"detail": "No active account found with the given credentials"}`
	notPermitted = `{"detail": "You do not have permission to perform this action."}`
)

// revoke makes the API refuse keys or principals.
func revoke(all ...string) action {
	return func(s *stage) error {
		for _, what := range all {
			s.api.Revoke(what)
		}
		return nil
	}
}

// credentialRows are faults of keys, accounts and roles, and what looks like them.
func credentialRows() []row {
	wide, two := setup{wide: true}, setup{two: true}
	const key = aisquaretest.DefaultKey
	return []row{
		{name: "the key is revoked", ref: "D17", harm: revoke(key), want: []culprit{credential}, never: "reload squarewatch"},
		{name: "the key is revoked, smallest file", setup: setup{smallest: true}, harm: revoke(key), want: []culprit{credential}},
		{
			name: "the key has expired", want: []culprit{credential},
			harm: answers(refused, 1, jsonAnswer(401, `{"detail": "API key has expired."}`)),
		},
		{name: "the account of the key is disabled", harm: answers(refused, 1, jsonAnswer(401, inactive)), want: []culprit{credential}},
		{
			name: "the key is revoked, and a public endpoint ignores it", ref: "D5", hard: true, want: []culprit{credential},
			harm: both(revoke(key), answers(path(bookingsPath), 1, jsonAnswer(200, `{"enabled": true}`))),
		},
		{
			name: "a revoked key is answered with 403", ref: "D15", hard: true, setup: wide, want: []culprit{credential},
			harm: answers(refused, 1, jsonAnswer(403, `{"detail": "Invalid API key."}`)),
		},
		{
			name: "a revocation reaches node after node", ref: "D9", hard: true, want: []culprit{credential}, lasts: 30 * time.Second,
			harm: both(answers(refused, 0.5, jsonAnswer(401, notValid)), later(8*time.Second, revoke(key))),
		},
		{
			name: "a revocation reaches node after node, told by a bot", ref: "D9", hard: true, setup: setup{bot: true},
			want: []culprit{credential}, lasts: 30 * time.Second,
			harm: both(answers(refused, 0.5, jsonAnswer(401, notValid)), later(8*time.Second, revoke(key))),
		},
		{
			name: "a revocation reaches endpoint after endpoint", ref: "D9", hard: true, want: []culprit{credential}, lasts: 30 * time.Second,
			harm: both(answers(path(bookingsPath), 1, jsonAnswer(401, notValid)), later(8*time.Second, revoke(key))),
		},
		{name: "one of two keys is revoked", setup: two, harm: revoke(partnerKey), want: []culprit{credential}},
		{
			name: "two keys die in the same second", ref: "D8", hard: true, setup: two, harm: revoke(key, partnerKey),
			want: []culprit{api},
		},
		{
			name: "some runs with two keys are refused", ref: "D8", hard: true, setup: two, want: []culprit{api},
			harm: answers(refused, some, jsonAnswer(401, notValid)),
		},
		{
			name: "one node refuses a good key", ref: "D4", hard: true, want: []culprit{api},
			harm: answers(refused, 0.5, jsonAnswer(401, notValid)),
		},
		{
			name: "one endpoint refuses a good key", want: []culprit{api},
			harm: answers(path(bookingsPath), 1, jsonAnswer(401, notValid)),
		},
		{
			name: "one endpoint refuses a good key in some runs", ref: "D4", hard: true, want: []culprit{api},
			harm: answers(path(bookingsPath), some, jsonAnswer(401, notValid)),
		},
		{
			name: "a good key is refused while the API breaks", hard: true, want: []culprit{api},
			harm: both(answers(refused, 0.5, jsonAnswer(401, notValid)), answers(refused, 0.6, jsonAnswer(500, dbGone))),
		},
		{
			name: "the role at one endpoint is gone", setup: wide, want: []culprit{role},
			harm: answers(path(metricsPath), 1, jsonAnswer(403, `{"detail": "Only the owner and co-creators may see these metrics."}`)),
		},
		{name: "all our permissions are gone", setup: wide, harm: answers(refused, 1, jsonAnswer(403, notPermitted)), want: []culprit{role}},
		{
			name: "our mail address is not verified", hard: true, setup: wide, want: []culprit{role, credential},
			harm: answers(refused, 1, jsonAnswer(403, `{"detail": "Please verify your email address.", "code": "email_not_verified"}`)),
		},
		{
			name: "one node does not know our role", hard: true, setup: wide, want: []culprit{api}, lasts: 45 * time.Second,
			harm: answers(path(metricsPath), 0.5, jsonAnswer(403, notPermitted)),
		},
	}
}
