package slack

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"squarewatch/config/secret"
	"squarewatch/config/setting"
)

// Settings say where messages go. The tags are the keys of notifiers.<name>.slack in the configuration file. The settings name either a
// webhook, or a bot with its channel.
type Settings struct {
	WebhookURL secret.Text `yaml:"webhook_url,omitempty"` // address of an incoming webhook, or of a proxy in front of one
	BotToken   secret.Text `yaml:"bot_token,omitempty"`   // xoxb-…, with the scope chat:write
	Channel    string      `yaml:"channel,omitempty"`     // name or identifier of the bot's channel
	AppToken   secret.Text `yaml:"app_token,omitempty"`   // xapp-…, with the scope connections:write: buttons and /squarewatch
	APIURL     string      `yaml:"api_url,omitempty"`     // base of Slack's web API, for a proxy; Slack's own when empty
	Allow      []string    `yaml:"allow,omitempty"`       // IDs of people and groups that may use buttons and commands; all people when empty
}

// Options are the dependencies of a notifier.
type Options struct {
	Location string       // of this host, which the messages name; empty for none
	Support  string       // whom to ask at AISquare; empty for none
	TraceURL string       // address of a trace, with {trace_id} in the place of the identifier; empty for no links
	Site     setting.Site // address of the pages; a message's title links to the incident, and each run to its page
	Untraced bool         // traces are not exported, so messages link to none
	Client   *http.Client // nil for the default one, which uses the proxy variables of the environment
	Buttons  bool         // firing incidents have buttons to acknowledge and silence them
}

const (
	fixWebhook = "write the address that Slack shows for an incoming webhook, https://hooks.slack.com/services/…"
	fixChannel = "write the name or the ID of the bot's channel, for example ops-alerts or C0123ABCD"
	fixAPIURL  = "write the base address of Slack's web API at the proxy, or leave it out"
)

// Validate reports every fault of the settings as [setting.Invalid], joined. References to secrets must have been resolved.
// Any host is allowed, since companies put proxies in front of Slack.
func (s Settings) Validate() error {
	var faults setting.Faults
	bot := !s.BotToken.IsZero() || s.Channel != "" || !s.AppToken.IsZero() || s.APIURL != ""
	s.checkAllow(&faults)
	switch {
	case bot && !s.WebhookURL.IsZero():
		faults.Add(true, "webhook_url", "and a bot's keys are both set", "keep either webhook_url, or bot_token and channel")
	case bot:
	case s.WebhookURL.IsZero():
		faults.Add(true, "webhook_url", "is missing", fixWebhook+"; or bot_token and channel")
	default:
		s.checkWebhook(&faults)
	}
	if bot {
		s.checkBot(&faults)
	}
	return faults.Err()
}

func (s Settings) checkWebhook(faults *setting.Faults) {
	if !isAddress(s.WebhookURL.Reveal()) {
		faults.Add(true, "webhook_url", "is not an https address (nor http on a loopback address)", fixWebhook)
		return
	}
	problem, fix := webhookProblem(s.WebhookURL.Reveal())
	faults.Add(problem != "", "webhook_url", problem, fix)
}

func (s Settings) checkBot(faults *setting.Faults) {
	const bad, alone = "holds a line break or another character that no header can carry", "write the token alone, in one line"
	bot, app := s.BotToken.Reveal(), s.AppToken.Reveal()
	faults.Add(bot == "", keyBotToken, "is missing", "write the bot token that Slack shows under OAuth & Permissions, xoxb-…")
	faults.Add(!httpguts.ValidHeaderFieldValue(bot), keyBotToken, bad, alone)
	faults.Add(!httpguts.ValidHeaderFieldValue(app), keyAppToken, bad, alone)
	wrong, fix := tokenProblem(bot, "xoxb-", "write the bot token that Slack shows under OAuth & Permissions, xoxb-…")
	faults.Add(wrong != "", keyBotToken, wrong, fix)
	wrong, fix = tokenProblem(app, "xapp-", "write an app-level token of the app (Basic Information, App-Level Tokens), xapp-…")
	faults.Add(wrong != "", keyAppToken, wrong, fix)
	faults.Add(s.Channel == "", "channel", "is missing", fixChannel)
	faults.Add(strings.ContainsAny(s.Channel, "/ "), "channel", "is not the name or ID of a channel", fixChannel)
	faults.Add(s.APIURL != "" && !isAddress(s.APIURL), "api_url", "is not an https address (nor http on a loopback address)", fixAPIURL)
}

// tokenProblem returns the problem of a token of another kind (https://docs.slack.dev/authentication/tokens). It returns empty texts for
// any other token, because a proxy may use its own.
func tokenProblem(token, want, fix string) (problem, _ string) {
	kinds := []struct{ prefix, problem, fix string }{
		{"xoxe.", "is a token that expires", "token rotation cannot be turned off for an app: " +
			"make a new app from deploy/slack-app.yaml, and " + fix},
		{"xoxe-", "is a refresh token", fix},
		{"xoxb-", "is a bot token", fix},
		{"xapp-", "is an app-level token", fix},
		{"xoxp-", "is a user token", fix},
		{"xoxc-", "is the token of a browser", fix},
		{"xoxa-", "is a token of a workspace app, which Slack has retired", fix},
	}
	for _, kind := range kinds {
		if kind.prefix != want && strings.HasPrefix(token, kind.prefix) {
			return kind.problem, kind.fix
		}
	}
	return "", ""
}

// webhookProblem returns the problem of an address that is certainly not an incoming webhook of Slack; empty otherwise.
func webhookProblem(address string) (problem, fix string) {
	u, err := url.Parse(address)
	if err != nil {
		return "", ""
	}
	host := strings.ToLower(u.Hostname())
	under := func(domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) }
	switch {
	case under("slack.com") || under("slack-gov.com"):
		return slackAddressProblem(u.Path)
	case (under("discord.com") || under("discordapp.com")) && !strings.HasSuffix(u.Path, "/slack"):
		return "is a webhook of Discord", "append /slack, so that Discord accepts Slack's messages, or " + fixWebhook
	case under("office.com") || under("logic.azure.com") || under("powerplatform.com"):
		return "is a webhook of Microsoft Teams", fixWebhook
	case under("chat.googleapis.com"):
		return "is a webhook of Google Chat", fixWebhook
	}
	return "", ""
}

// slackAddressProblem checks an address of Slack itself. Addresses of Workflow Builder accept a workflow's variables and drop the rest of a
// message: https://github.com/slackapi/node-slack-sdk/blob/main/packages/webhook/src/WebhookTrigger.ts.
func slackAddressProblem(path string) (problem, fix string) {
	switch {
	case strings.HasPrefix(path, "/triggers/"), strings.HasPrefix(path, "/workflows/"):
		return "starts a workflow of Workflow Builder, which shows no messages of squarewatch", "make an incoming webhook, and " + fixWebhook
	case !strings.HasPrefix(path, "/services/"):
		return "is not the address of an incoming webhook", fixWebhook
	case !wholePath(path):
		return "is cut off: /services/ is followed by three parts, T…/B…/…", "copy the whole address again from Slack, " +
			"under Incoming Webhooks of the app"
	}
	return "", ""
}

// wholePath reports whether the path of an incoming webhook has its workspace, its number and its secret:
// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
func wholePath(path string) bool {
	parts := strings.Split(strings.Trim(strings.TrimPrefix(path, "/services"), "/"), "/")
	return len(parts) >= 3 && !slices.Contains(parts, "")
}

// isAddress reports whether secrets may be sent to an address.
func isAddress(text string) bool { return isSecure(text, "https", "http") }

// isSecure reports whether an address has the secure scheme, or the plain one on a loopback address.
func isSecure(text, secure, plain string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return false
	}
	return u.Scheme == secure || u.Scheme == plain && setting.IsLoopback(u.Hostname())
}

// errAddress replaces the parser's error, which quotes the address.
var errAddress = errors.New("the webhook address is not an https address")
