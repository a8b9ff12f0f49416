//go:build diagnosis

package diagnosis_test

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/probe/aisquaretest"
)

// The default rules with a window of 10 seconds, as if time went 30 times as fast.
const fastRules = `rules:
  - {name: server-errors, on: [5xx], window: 10s, threshold: 20%, clear: 5%, min_runs: 5, reopen: 20s}
  - {name: unauthenticated, on: [401], per: credential, window: 10s, threshold: 20%, min_runs: 5, reopen: 20s}
  - {name: unreachable, on: [transport], per: all, window: 10s, threshold: 20%, min_runs: 5, reopen: 20s}
`

// wideRule counts everything that no probe expects.
const wideRule = "  - {name: anything, on: [unexpected], per: all, window: 10s, threshold: 20%, min_runs: 5, reopen: 20s}\n"

// file returns the daemon's configuration.
func (s *stage) file() string {
	var b strings.Builder
	add := func(format string, arguments ...any) { _, _ = fmt.Fprintf(&b, format, arguments...) }
	add("target: %s\nstudio: %s\nlisten: %s\nstate_dir: none\n", s.target(), aisquaretest.DefaultStudio, s.at(9477))
	if strings.HasPrefix(s.target(), "http://api") {
		add("allow_http: true\n")
	}
	if s.setup.bot {
		add("notifiers: {ops: {slack: {bot_token: %s, channel: %s, api_url: %q}, group_wait: 200ms}}\n",
			slackstub.BotToken, slackstub.Name, s.slack.API())
	} else {
		add("notifiers: {ops: {slack: {webhook_url: %q}, group_wait: 200ms}}\n", s.slack.Webhook())
	}
	s.credentials(add)
	add("catalogue: [reach, permission-public, permission-unknown, auth-wall, collections, feed]\n")
	timeout, every := cmp.Or(s.setup.timeout, 2*time.Second), time.Second
	if s.django != nil {
		timeout *= 2 // its gateway gives up first
	}
	if s.setup.calm {
		every *= 2
	}
	add("defaults: {schedule: \"@every %v\", timeout: %v, credential: %s}\n", every, timeout, s.principal())
	add("probes:\n  - {name: bookings, path: %s}\n", bookingsPath)
	add("  - {name: metrics, method: POST, path: %s, json: {url: %s}, expect: {json: 'has(\"generated_at\")'}}\n",
		metricsPath, aisquaretest.DefaultStudio)
	if s.setup.two {
		add("  - {name: partner-bookings, path: %s, credential: partner}\n", bookingsPath)
		add("  - {name: partner-collections, path: %s, credential: partner}\n", collectionsPath)
	}
	if !s.setup.smallest {
		rules := fastRules
		if s.setup.wide {
			rules += wideRule
		}
		if s.setup.calm {
			rules = strings.ReplaceAll(rules, "window: 10s", "window: 20s")
		}
		b.WriteString(rules)
	}
	s.ways(add)
	return b.String()
}

// target returns the address of the target.
func (s *stage) target() string {
	scheme, host := "http", s.ip.String()
	if s.certs != nil {
		scheme = "https"
	}
	if s.setup.name {
		host = targetName
	}
	return fmt.Sprintf("%s://%s:8080", scheme, host)
}

// principal is the name of the credential that probes use unless they name another.
func (s *stage) principal() string {
	if s.setup.login {
		return "member"
	}
	return "owner"
}

func (s *stage) credentials(add func(string, ...any)) {
	add("credentials:\n")
	if s.setup.login {
		add("  member:\n    login: {path: %s, body: {username: %s, password: %s}}\n    refresh_path: %s\n",
			tokenPath, member, password, refreshPath)
		if !s.setup.long {
			add("    renew_before: 2s\n")
		}
	} else {
		add("  owner: {api_key: %s}\n", aisquaretest.DefaultKey)
	}
	if s.setup.two {
		add("  partner: {api_key: %s}\n", partnerKey)
	}
}

// ways writes how the target is reached.
func (s *stage) ways(add func(string, ...any)) {
	if s.setup.connectivity {
		add("connectivity: {address: %q}\n", s.at(53))
	}
	var network []string
	if s.certs != nil {
		network = append(network, "ca: "+filepath.Join(s.folder, "ca.pem"))
	}
	if s.setup.name {
		network = append(network, fmt.Sprintf("resolver: %q", s.at(5353)))
	}
	if s.proxy != nil {
		network = append(network, fmt.Sprintf("proxy: \"http://%s\"", s.at(3128)))
	}
	if len(network) > 0 {
		add("network: {%s}\n", strings.Join(network, ", "))
	}
}
