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

// postWebhook makes one request to the webhook.
func (n *Notifier) postWebhook(ctx context.Context, text string, blocks []slack.Block) *answer {
	address := n.settings.WebhookURL.Reveal()
	if !isAddress(address) {
		return &answer{fault: &alert.DeliveryError{Reason: alert.ReasonInvalid, Permanent: true, Fix: "correct webhook_url in the configuration", Err: errAddress}}
	}
	// Whatever would make links or mentions out of plain words is turned off.
	message := &slack.WebhookMessage{Text: text, Parse: "none", UnfurlLinks: new(false), UnfurlMedia: new(false)}
	if blocks != nil {
		message.Blocks = &slack.Blocks{BlockSet: blocks}
	}
	client, keep := n.keeping(false)
	err := slack.PostWebhookCustomHTTPContext(ctx, address, client, message)
	return keep.result(ctx, err)
}

// keeping returns the notifier's client for one request, and what keeps its answer.
func (n *Notifier) keeping(api bool) (*http.Client, *keeper) {
	keep := &keeper{next: n.client.Transport, api: api}
	client := n.client
	client.Transport = keep
	return &client, keep
}

// keeper keeps what Slack answered: slack-go throws a webhook's body away, which holds the reason of a refusal, and gives up
// on a Retry-After that is no whole number.
type keeper struct {
	next   http.RoundTripper
	api    bool // the web API answers in JSON, a webhook in one word
	answer *answer
}

// result returns the answer, or that there was none.
func (k *keeper) result(ctx context.Context, err error) *answer {
	if k.answer == nil {
		return &answer{fault: alert.NoAnswer(ctx, "post to Slack", err)}
	}
	return k.answer
}

// RoundTrip passes the request on and keeps the answer.
func (k *keeper) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := k.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	_ = response.Body.Close()
	if err != nil && k.api { // half an answer of the API is none: what it says of the message may be missing
		return nil, err
	}
	// A webhook's body that is cut short is no failure: the status line was Slack's verdict.
	response.Body = io.NopCloser(bytes.NewReader(body))
	k.answer = &answer{
		status:      response.StatusCode,
		contentType: response.Header.Get("Content-Type"),
		retryAfter:  alert.RetryAfter(response.Header.Get("Retry-After"), time.Now()),
	}
	if k.api {
		k.answer.readAPI(body)
	} else {
		k.answer.word = firstWord(body)
	}
	return response, nil
}
