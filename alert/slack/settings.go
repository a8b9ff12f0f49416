// Package slack tells a Slack channel of incidents through an incoming webhook.
//
// [Render] makes a [Message] of a notification, in Block Kit; a [Notifier] posts it, once a call. Everything that comes from
// outside, above all the API's own words, passes through escape.go on its way into a message: it can mention nobody and
// break no layout.
package slack

import (
	"errors"
	"net"
	"net/http"
	"net/url"

	"squarewatch/config/secret"
	"squarewatch/probe"
)

// Settings say where messages go. The tags are the keys of notifiers.<name>.slack in the configuration file.
type Settings struct {
	WebhookURL secret.Text `yaml:"webhook_url"` // address of an incoming webhook, or of a proxy in front of one
}

// Options are what a notifier takes from the rest of the program.
type Options struct {
	TraceURL string       // address of a trace, with {trace_id} in the place of the identifier; empty for no links
	Client   *http.Client // nil for one of its own, which obeys the proxy variables of the environment
}

// Validate reports every fault of the settings as [probe.Invalid], joined. References to secrets must have been resolved.
// Any host will do, since companies put proxies in front of Slack.
func (s Settings) Validate() error {
	const fix = "write the address that Slack shows for an incoming webhook, https://hooks.slack.com/services/…"
	if s.WebhookURL.IsZero() {
		return &probe.Invalid{Field: "webhook_url", Problem: "is missing", Fix: fix}
	}
	if !isWebhook(s.WebhookURL.Reveal()) {
		return &probe.Invalid{Field: "webhook_url", Problem: "is no https address (nor http on a loopback address)", Fix: fix}
	}
	return nil
}

func isWebhook(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// errAddress stands for the parser's own error, which quotes the address.
var errAddress = errors.New("the webhook address is no https address")
