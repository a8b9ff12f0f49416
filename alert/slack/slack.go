package slack

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"squarewatch/alert"

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
}

var _ alert.Notifier = (*Notifier)(nil)

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
// Where Slack refuses the blocks, the same goes without its chart, and then as text alone. What goes wrong is an
// [alert.DeliveryError] that never holds a secret.
func (n *Notifier) Deliver(ctx context.Context, notification alert.Notification) (ref string, _ error) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	var failure *alert.DeliveryError
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

// send posts a message in the richest form that Slack takes, and remembers when it takes no charts.
func (n *Notifier) send(m Message, post func(text string, blocks []slack.Block) *answer) *answer {
	plainer := withoutChart(m.Blocks)
	charted := len(plainer) < len(m.Blocks)
	if charted && !n.noCharts.Load() {
		if a := post(m.Text, m.Blocks); !a.refusesBlocks() {
			return a
		}
	}
	a := post(m.Text, plainer)
	if !a.refusesBlocks() {
		if charted && a.failure() == nil {
			n.noCharts.Store(true)
		}
		return a
	}
	return post(m.Plain(), nil)
}
