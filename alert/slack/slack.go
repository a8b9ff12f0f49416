// Package slack sends messages about incidents to a Slack channel, through an incoming webhook or as a bot.
//
// [Render] makes a [Message] of a notification, in Block Kit; a [Notifier] posts it, once a call. A bot changes its message
// when the incident does, and tells the change in the message's thread; with an app token it also hears what people answer.
// Everything that comes from outside, above all the API's own words, passes through escape.go on its way into a message:
// it can mention nobody and break no layout. What the package believes of Slack has its public source beside it.
package slack

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"squarewatch/alert/outbox"

	"github.com/slack-go/slack"
)

const (
	// attemptLimit bounds an attempt whose context has no nearer deadline.
	attemptLimit = 30 * time.Second
	// answerLimit is how much of an answer is read, in bytes: a webhook's is one word, the API's repeats the message.
	answerLimit = 256 << 10
)

// Notifier posts messages to one channel. It may be used by many goroutines at once.
type Notifier struct {
	settings Settings
	options  Options
	client   http.Client
	noCharts atomic.Bool // this Slack refused one
	hearing  hearing
	groups   groups
}

var _ outbox.Notifier = (*Notifier)(nil)

// New returns a notifier. The settings must be valid; it reaches nothing.
func New(settings Settings, options Options) *Notifier {
	options.Buttons = options.Buttons || !settings.AppToken.IsZero()
	n := &Notifier{settings: settings, options: options}
	if options.Client != nil {
		n.client = *options.Client
	}
	if n.client.Transport == nil {
		n.client.Transport = http.DefaultTransport
	}
	// A redirected POST would arrive as a GET without its message, and be taken for delivered.
	n.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return n
}

// Deliver posts the message, or changes the one behind the notification's reference and tells the change in its thread.
// Where Slack refuses the blocks, the same goes without its chart, then as text alone, then as one line. What goes wrong is an
// [outbox.DeliveryError] that never holds a secret.
func (n *Notifier) Deliver(ctx context.Context, notification outbox.Notification) (ref string, _ error) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	var failure *outbox.DeliveryError
	if n.settings.BotToken.IsZero() {
		a := n.send(Render(notification, n.options), func(text string, blocks []slack.Block) *answer { return n.postWebhook(ctx, text, blocks) })
		failure = a.failure()
	} else {
		ref, failure = n.deliverAsBot(ctx, &notification)
	}
	if failure == nil { // an untyped nil: a nil *DeliveryError in an error is not nil
		return ref, nil
	}
	return "", failure
}

var _ outbox.Announcer = (*Notifier)(nil)

// Announce posts a line to the channel, outside of every thread. What goes wrong is an [outbox.DeliveryError].
func (n *Notifier) Announce(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
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

// form is one way to write a message.
type form struct {
	text   string
	blocks []slack.Block // nil for text alone
}

// forms returns the ways to write a message, the richest first. Whether every workspace and every incoming webhook takes charts is
// not known, so there is always a form without one.
func (n *Notifier) forms(m Message) []form {
	plainer := withoutChart(m.Blocks)
	list := []form{{m.Text, plainer}, {m.Plain(), nil}, {m.Text, nil}}
	if len(plainer) < len(m.Blocks) && !n.noCharts.Load() {
		list = slices.Insert(list, 0, form{m.Text, m.Blocks})
	}
	return list
}

// send posts a message in the richest form that Slack takes, and remembers when it takes no charts.
func (n *Notifier) send(m Message, post func(text string, blocks []slack.Block) *answer) *answer {
	var a *answer
	charted := false // the form before had a chart, and was refused
	for _, f := range n.forms(m) {
		a = post(f.text, f.blocks)
		if a.refusesForm() {
			charted = len(withoutChart(f.blocks)) < len(f.blocks)
			continue
		}
		if charted && a.taken() {
			n.noCharts.Store(true)
		}
		return a
	}
	return a
}
