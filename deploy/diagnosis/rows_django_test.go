//go:build diagnosis

package diagnosis_test

import (
	"os"
	"path/filepath"
	"syscall"
	"time"

	"squarewatch/probe/aisquaretest"
)

// changes changes an account or a key of the site.
func changes(what, name string) action {
	return func(s *stage) error { return s.django.change(what, name) }
}

// switches sets a switch of the site.
func switches(name, value string) action {
	return func(s *stage) error { return s.django.switchOn(name, value) }
}

// nginx makes the gateway of the site do something else.
func nginx(before string) action {
	return func(s *stage) error { return s.django.gateway(before) }
}

// loseDatabase takes the database away. SQLite creates an empty one in its place.
func loseDatabase(s *stage) error {
	return os.Rename(filepath.Join(s.django.folder, "db.sqlite3"), filepath.Join(s.django.folder, "gone"))
}

// rotateSecret gives the site another SECRET_KEY, as a release does.
func rotateSecret(s *stage) error {
	if err := newSecret(s.django.folder); err != nil {
		return err
	}
	return s.django.app.Process.Signal(syscall.SIGHUP)
}

// release starts new workers.
func release(s *stage) error { return s.django.app.Process.Signal(syscall.SIGHUP) }

func stopApp(s *stage) error {
	s.django.stopApp()
	return nil
}

func stopNginx(s *stage) error {
	s.django.stopNginx()
	return nil
}

func hangApp(s *stage) error { return s.django.signal(syscall.SIGSTOP) }

// djangoRows are faults of the API's own stack.
func djangoRows() []row {
	real := &django{}
	key, wide, two := setup{django: real}, setup{django: real, wide: true}, setup{django: real, two: true}
	short, long := setup{django: real, login: true}, setup{django: real, login: true, long: true}
	const owner = aisquaretest.DefaultKey
	return append(gunicornRows(key, wide), []row{
		{name: "Django: the key is revoked", setup: key, harm: changes("revoke", owner), want: []culprit{credential}},
		{
			name: "Django: a revoked key is answered with 403", ref: "D15", hard: true, harm: changes("revoke", owner),
			setup: setup{django: &django{noChallenge: true}, wide: true}, want: []culprit{credential},
		},
		{name: "Django: every key is refused at once", ref: "D8", hard: true, setup: two, harm: changes("revoke", "*"), want: []culprit{api}},
		{name: "Django: one of two keys is revoked", setup: two, harm: changes("revoke", partnerKey), want: []culprit{credential}},
		{name: "Django: the account of the key is disabled", setup: key, harm: changes("disable", "owner"), want: []culprit{credential}},
		{
			name: "Django: the account that logs in is disabled", ref: "D7", hard: true, setup: short, harm: changes("disable", member),
			want: []culprit{credential}, lasts: 30 * time.Second,
		},
		{
			name: "Django: the account that logs in is disabled, tokens are fresh", ref: "D7", hard: true, setup: long,
			harm: changes("disable", member), want: []culprit{credential}, lasts: 30 * time.Second,
		},
		{
			name: "Django: the account that logs in is deleted", ref: "D7", hard: true, setup: short, harm: changes("delete", member),
			want: []culprit{credential}, lasts: 30 * time.Second,
		},
		{
			name: "Django: the password changes, tokens are refreshed", hard: true, setup: short, harm: changes("change-password", member),
			want: []culprit{nobody},
		},
		{
			name: "Django: the password changes, and SECRET_KEY too", hard: true, setup: short, lasts: 30 * time.Second,
			harm: both(changes("change-password", member), rotateSecret), want: []culprit{credential},
		},
		{name: "Django: tokens lapse and are renewed", setup: short, harm: nothing, want: []culprit{nobody}},
		{name: "Django: the first refresh token is blacklisted", setup: short, harm: changes("blacklist", member), want: []culprit{nobody}},
		{name: "Django: SECRET_KEY is rotated", ref: "D16", hard: true, setup: long, harm: rotateSecret, want: []culprit{nobody}},
		{name: "Django: the permission is gone", setup: wide, harm: changes("demote", "owner"), want: []culprit{role}},
		{name: "Django: the database is gone", hard: true, setup: key, harm: loseDatabase, want: []culprit{api}},
		{name: "Django: the database is gone, with a login", ref: "D11", hard: true, setup: short, harm: loseDatabase, want: []culprit{api}},
		{name: "Django: one view fails", setup: key, harm: switches("fail", feedPath), want: []culprit{api}},
		{
			name: "Django: the login fails", setup: short, harm: switches("fail", tokenPath+" "+refreshPath), want: []culprit{login},
			lasts: 30 * time.Second,
		},
		{name: "Django: strangers are let in", setup: key, harm: switches("open", ""), want: []culprit{leak}},
		{
			name: "Django: signed-in requests are throttled", hard: true, setup: wide, harm: switches("throttle", ""),
			want: []culprit{api, unknown},
		},
		{name: "Django: maintenance mode", hard: true, setup: key, harm: switches("maintenance", ""), want: []culprit{gateway, api}},
		{name: "Django: a release", setup: key, harm: release, want: []culprit{nobody}},
	}...)
}

// gunicornRows are faults of the processes and the gateway around the application.
func gunicornRows(key, wide setup) []row {
	const page = `default_type text/html; return 200 "<html><head><title>Back soon</title></head><body>Back soon</body></html>";`
	return []row{
		{name: "nginx: the application is stopped", ref: "D17", setup: key, harm: stopApp, want: []culprit{gateway}},
		{name: "nginx: the application hangs", setup: key, harm: hangApp, want: []culprit{gateway}},
		{name: "nginx is stopped", setup: key, harm: stopNginx, want: []culprit{api, gateway}},
		{name: "nginx: 503 for maintenance", setup: key, harm: nginx("return 503;"), want: []culprit{gateway}},
		{name: "nginx: a page for maintenance", ref: "D2", hard: true, setup: wide, harm: nginx(page), want: []culprit{gateway}},
		{
			name: "nginx: a password is wanted", ref: "D6", hard: true, setup: key, want: []culprit{gateway},
			harm: nginx(`auth_basic "staging"; auth_basic_user_file secret;`),
		},
		{name: "nginx: 503 by a limit", hard: true, setup: key, harm: nginx("limit_req zone=one;"), want: []culprit{gateway}},
		{
			name: "nginx: 429 by a limit", hard: true, setup: wide, harm: nginx("limit_req zone=one; limit_req_status 429;"),
			want: []culprit{gateway},
		},
		{name: "nginx: everything is forbidden", hard: true, setup: wide, harm: nginx("deny all;"), want: []culprit{gateway}},
		{
			name: "nginx: the Authorization header is dropped", hard: true, setup: key, want: []culprit{gateway, api},
			harm: nginx(`proxy_set_header Authorization "";`),
		},
	}
}
