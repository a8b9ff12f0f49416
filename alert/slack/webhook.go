package slack

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"squarewatch/alert"

	"github.com/slack-go/slack"
)

const (
	// attemptLimit bounds an attempt whose context has no nearer deadline.
	attemptLimit = 30 * time.Second
	// answerLimit is how much of an answer is read, in bytes; Slack's are one word.
	answerLimit = 4096
)

// Notifier posts messages to one incoming webhook. It may be used by many goroutines at once.
type Notifier struct {
	settings Settings
	options  Options
	client   http.Client
}

var _ alert.Notifier = (*Notifier)(nil)

// New returns a notifier. The settings must be valid; it reaches nothing.
func New(settings Settings, options Options) *Notifier {
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

// Deliver posts the message once, and a second time as text alone when Slack refuses its blocks. What goes wrong is an
// [alert.DeliveryError] that never holds the address.
func (n *Notifier) Deliver(ctx context.Context, notification alert.Notification) (ref string, _ error) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	message := Render(notification, n.options)
	failure, blocksRefused := n.post(ctx, webhookMessage(message.Text, &slack.Blocks{BlockSet: message.Blocks}))
	if blocksRefused {
		failure, _ = n.post(ctx, webhookMessage(message.Plain(), nil))
	}
	if failure == nil { // an untyped nil: a nil *DeliveryError in an error is not nil
		return "", nil
	}
	return "", failure
}

// webhookMessage turns off whatever would make links or mentions out of plain words.
func webhookMessage(text string, blocks *slack.Blocks) *slack.WebhookMessage {
	return &slack.WebhookMessage{
		Text: text, Blocks: blocks,
		Parse: "none", UnfurlLinks: new(false), UnfurlMedia: new(false),
	}
}

// post makes one request and reports whether the blocks were what Slack refused.
func (n *Notifier) post(ctx context.Context, message *slack.WebhookMessage) (failure *alert.DeliveryError, blocksRefused bool) {
	address := n.settings.WebhookURL.Reveal()
	if !isWebhook(address) {
		return &alert.DeliveryError{Reason: "invalid", Permanent: true, Fix: "correct webhook_url in the configuration", Err: errAddress}, false
	}
	keep := &keeper{next: n.client.Transport}
	client := n.client
	client.Transport = keep
	err := slack.PostWebhookCustomHTTPContext(ctx, address, &client, message)
	if keep.answer == nil {
		return withoutAnswer(ctx, err), false
	}
	return keep.answer.failure(), keep.answer.refusesBlocks()
}

// keeper keeps what Slack answered: slack-go throws the body away, which holds the reason of a refusal, and gives up on a
// Retry-After that is no whole number.
type keeper struct {
	next   http.RoundTripper
	answer *answer
}

// RoundTrip passes the request on and keeps the answer.
func (k *keeper) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := k.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	// A body that is cut short is no failure: the status line was Slack's verdict.
	body, _ := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	k.answer = &answer{
		status:      response.StatusCode,
		word:        firstWord(body),
		contentType: response.Header.Get("Content-Type"),
		retryAfter:  retryAfter(response.Header.Get("Retry-After"), time.Now()),
	}
	return response, nil
}
