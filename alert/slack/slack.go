// Package slack sends messages about incidents to a Slack channel, through an incoming webhook or as a bot.
//
// [Render] makes a [Message] of a notification, in Block Kit; a [Notifier] posts it once per call. A bot updates its message
// when the incident changes, and posts the change in the message's thread; with an app token it also receives buttons and commands.
// escape.go escapes all foreign text, mainly the API's messages, so that it cannot mention people or break the layout. Comments name the
// public source of every assumption about Slack.
package slack

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"squarewatch/alert/outbox"

	"github.com/slack-go/slack"
)

const (
	// attemptTimeout is the timeout of an attempt.
	attemptTimeout = 30 * time.Second
	// answerLimit is the number of bytes of an answer that are read. A webhook answers with one word; the API repeats the message.
	answerLimit = 256 << 10
)

// Notifier posts messages to one channel. It may be used by many goroutines at once.
type Notifier struct {
	settings   Settings
	options    Options
	client     http.Client
	noCharts   atomic.Bool // Slack refused a chart
	connection connectionState
	groups     groups
}

// New returns a notifier and sends nothing. The settings must be valid.
func New(settings Settings, options Options) *Notifier {
	options.Buttons = options.Buttons || !settings.AppToken.IsZero()
	n := &Notifier{settings: settings, options: options}
	if options.Client != nil {
		n.client = *options.Client
	}
	if n.client.Transport == nil {
		n.client.Transport = http.DefaultTransport
	}
	// A redirected POST would become a GET without the message, and would count as delivered.
	n.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return n
}

// Deliver posts the message, or updates the message of the notification's reference and posts the change in its thread. When Slack
// refuses the blocks, it sends the message without its chart, then as text, then as one line. Errors are of type [outbox.DeliveryError]
// and never hold a secret.
func (n *Notifier) Deliver(ctx context.Context, notification outbox.Notification) (ref string, _ error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	var failure *outbox.DeliveryError
	if n.settings.BotToken.IsZero() {
		a := n.send(Render(notification, n.options), func(text string, blocks []slack.Block) *answer {
			return n.postWebhook(ctx, text, blocks)
		})
		failure = a.failure()
	} else {
		ref, failure = n.deliverAsBot(ctx, &notification)
	}
	if failure == nil {
		return ref, nil // a plain nil: an error that holds a nil *DeliveryError is not equal to nil
	}
	return "", failure
}

var _ outbox.Addressed = (*Notifier)(nil)

// Address returns the fingerprint of the webhook, or of the bot's channel. A new token for the same channel does not change it.
func (n *Notifier) Address() string {
	if n.settings.BotToken.IsZero() {
		return outbox.Fingerprint("slack webhook", n.settings.WebhookURL.Reveal())
	}
	return outbox.Fingerprint("slack channel", strings.TrimSuffix(n.settings.APIURL, "/"), strings.TrimPrefix(n.settings.Channel, "#"))
}

var _ outbox.Announcer = (*Notifier)(nil)

// Announce posts a line to the channel, outside of every thread. Errors are of type [outbox.DeliveryError].
func (n *Notifier) Announce(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	line := "🔕 " + mrkdwn(text, cutReason)
	var a *answer
	if n.settings.BotToken.IsZero() {
		a = n.postWebhook(ctx, line, nil)
	} else {
		a = n.post(ctx, n.settings.Channel, line, nil)
	}
	if failure := a.failure(); failure != nil {
		return failure
	}
	return nil
}

// form is one form of a message.
type form struct {
	text   string
	blocks []slack.Block // nil for text alone
}

// forms returns the forms of a message, the richest first. Slack does not document whether every workspace and every incoming
// webhook accepts charts, so there is always a form without one.
func (n *Notifier) forms(m Message) []form {
	plainer := withoutChart(m.Blocks)
	list := []form{{text: m.Text, blocks: plainer}, {text: m.Plain()}, {text: m.Text}}
	if len(plainer) < len(m.Blocks) && !n.noCharts.Load() {
		list = slices.Insert(list, 0, form{text: m.Text, blocks: m.Blocks})
	}
	return list
}

// send posts a message in the richest form that Slack accepts, and remembers when Slack refuses charts.
func (n *Notifier) send(m Message, post func(text string, blocks []slack.Block) *answer) *answer {
	var a *answer
	charted := false // the previous form had a chart and was refused
	for _, f := range n.forms(m) {
		a = post(f.text, f.blocks)
		if a.refusesForm() {
			charted = len(withoutChart(f.blocks)) < len(f.blocks)
			continue
		}
		if charted && a.accepted() {
			n.noCharts.Store(true)
		}
		return a
	}
	return a
}
