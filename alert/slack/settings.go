// Package slack tells a Slack channel of incidents, through an incoming webhook or as a bot.
//
// [Render] makes a [Message] of a notification, in Block Kit; a [Notifier] posts it, once a call. A bot changes its message
// when the incident does, and tells the change in the message's thread; with an app token it also hears what people answer.
// Everything that comes from outside, above all the API's own words, passes through escape.go on its way into a message:
// it can mention nobody and break no layout.
package slack

import (
	"errors"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/net/http/httpguts"

	"squarewatch/config/secret"
	"squarewatch/probe"
)

// Settings say where messages go. The tags are the keys of notifiers.<name>.slack in the configuration file. Either a webhook
// or a bot with its channel.
type Settings struct {
	WebhookURL secret.Text `yaml:"webhook_url,omitempty"` // address of an incoming webhook, or of a proxy in front of one
	BotToken   secret.Text `yaml:"bot_token,omitempty"`   // xoxb-…, with the scope chat:write
	Channel    string      `yaml:"channel,omitempty"`     // name or identifier of the bot's channel
	AppToken   secret.Text `yaml:"app_token,omitempty"`   // xapp-…, with the scope connections:write: buttons and /squarewatch
	APIURL     string      `yaml:"api_url,omitempty"`     // base of Slack's web API, for a proxy; Slack's own when empty
}

// Options are what a notifier takes from the rest of the program.
type Options struct {
	Support  string       // whom to ask at AISquare; empty for nobody
	TraceURL string       // address of a trace, with {trace_id} in the place of the identifier; empty for no links
	Untraced bool         // traces go nowhere, so that messages name none
	Client   *http.Client // nil for one of its own, which obeys the proxy variables of the environment
	Buttons  bool         // incidents that fire can be acknowledged and silenced
}

// Validate reports every fault of the settings as [probe.Invalid], joined. References to secrets must have been resolved.
// Any host will do, since companies put proxies in front of Slack.
func (s Settings) Validate() error {
	const fix = "write the address that Slack shows for an incoming webhook, https://hooks.slack.com/services/…"
	var faults []error
	add := func(bad bool, field, problem, fix string) {
		if bad {
			faults = append(faults, &probe.Invalid{Field: field, Problem: problem, Fix: fix})
		}
	}
	bot := !s.BotToken.IsZero() || s.Channel != "" || !s.AppToken.IsZero() || s.APIURL != ""
	add(!bot && s.WebhookURL.IsZero(), "webhook_url", "is missing", fix+"; or bot_token and channel")
	add(!bot && !s.WebhookURL.IsZero() && !isAddress(s.WebhookURL.Reveal()), "webhook_url", "is no https address (nor http on a loopback address)", fix)
	add(bot && !s.WebhookURL.IsZero(), "webhook_url", "is there beside a bot's keys", "keep either webhook_url, or bot_token and channel")
	add(bot && s.BotToken.IsZero(), "bot_token", "is missing", "write the bot token that Slack shows under OAuth & Permissions, xoxb-…")
	add(!httpguts.ValidHeaderFieldValue(s.BotToken.Reveal()), "bot_token", "holds a line break or another character that no header can carry", "write the token alone, in one line")
	add(!httpguts.ValidHeaderFieldValue(s.AppToken.Reveal()), "app_token", "holds a line break or another character that no header can carry", "write the token alone, in one line")
	add(bot && s.Channel == "", "channel", "is missing", "write the name or the identifier of the bot's channel, for example ops-alerts")
	add(s.APIURL != "" && !isAddress(s.APIURL), "api_url", "is no https address (nor http on a loopback address)", "write the base of Slack's web API as the proxy has it, or leave it out")
	return errors.Join(faults...)
}

// isAddress reports whether secrets may be sent to an address.
func isAddress(text string) bool {
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
