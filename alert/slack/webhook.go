package slack

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"squarewatch/alert/outbox"

	"github.com/slack-go/slack"
)

// postWebhook makes one request to the webhook.
func (n *Notifier) postWebhook(ctx context.Context, text string, blocks []slack.Block) *answer {
	address := n.settings.WebhookURL.Reveal()
	if !isAddress(address) {
		return &answer{fault: &outbox.DeliveryError{Reason: outbox.ReasonInvalid, Permanent: true, Fix: "correct webhook_url in the configuration", Err: errAddress}}
	}
	// Whatever would make links or mentions out of plain words is turned off.
	message := &slack.WebhookMessage{Text: text, Parse: "none", UnfurlLinks: new(false), UnfurlMedia: new(false)}
	if blocks != nil {
		message.Blocks = &slack.Blocks{BlockSet: blocks}
	}
	client, keep := n.keeping(doingPost, "")
	err := slack.PostWebhookCustomHTTPContext(ctx, address, client, message)
	return keep.result(ctx, err)
}

// keeping returns the notifier's client for one request, and what keeps its answer. token is the key of the token that the request
// carries; empty for a webhook.
func (n *Notifier) keeping(doing, token string) (*http.Client, *keeper) {
	keep := &keeper{next: n.client.Transport, doing: doing, token: token}
	client := n.client
	client.Transport = keep
	return &client, keep
}

// keeper keeps what Slack answered: slack-go throws a webhook's body away, which says whether the message was taken, and gives up
// on a Retry-After that is no whole number.
type keeper struct {
	next   http.RoundTripper
	doing  string
	token  string
	answer *answer
}

// result returns the answer, or that there was none.
func (k *keeper) result(ctx context.Context, err error) *answer {
	if k.answer == nil {
		return &answer{doing: k.doing, token: k.token, fault: outbox.NoAnswer(ctx, k.doing, err)}
	}
	return k.answer
}

// RoundTrip passes the request on and keeps the answer. Half an answer is no answer: the body says whether Slack took the message.
func (k *keeper) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := k.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	_ = response.Body.Close()
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	k.answer = &answer{
		doing: k.doing, token: k.token, status: response.StatusCode,
		retryAfter: outbox.RetryAfter(response.Header.Get("Retry-After"), time.Now()),
	}
	if k.token != "" {
		k.answer.readAPI(body)
	} else {
		k.answer.readWebhook(body)
	}
	return response, nil
}
