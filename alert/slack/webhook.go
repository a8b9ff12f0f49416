package slack

import (
	"bytes"
	"context"
	"encoding/json"
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
		return &answer{fault: &outbox.DeliveryError{
			Reason: outbox.ReasonInvalid, Permanent: true, Fix: "correct webhook_url in the configuration", Err: errAddress,
		}}
	}
	// Automatic links and mentions are turned off.
	message := &slack.WebhookMessage{Text: text, Parse: "none", UnfurlLinks: new(false), UnfurlMedia: new(false)}
	if blocks != nil {
		message.Blocks = &slack.Blocks{BlockSet: blocks}
	}
	client, recorder := n.recordingClient(doingPost, "")
	err := slack.PostWebhookCustomHTTPContext(ctx, address, client, message)
	return recorder.result(ctx, err)
}

// recordingClient returns the notifier's client for one request, and the recorder of its answer. token is the key of the token in the
// request; empty for a webhook.
func (n *Notifier) recordingClient(doing, token string) (*http.Client, *answerRecorder) {
	recorder := &answerRecorder{next: n.client.Transport, doing: doing, token: token}
	client := n.client
	client.Transport = recorder
	return &client, recorder
}

// answerRecorder records Slack's answer. It is needed because slack-go discards a webhook's body, which says whether the message was
// accepted, and ignores a Retry-After that is not a whole number.
type answerRecorder struct {
	next   http.RoundTripper
	doing  string
	token  string
	answer *answer
}

// result returns the recorded answer. If there is none, it returns an answer that only holds the fault of the request.
func (a *answerRecorder) result(ctx context.Context, err error) *answer {
	if a.answer == nil {
		return &answer{doing: a.doing, token: a.token, fault: outbox.NoAnswer(ctx, a.doing, err)}
	}
	return a.answer
}

// RoundTrip passes the request on and records the answer. An incomplete answer is not recorded, since its body does not show whether Slack
// accepted the message.
func (a *answerRecorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := a.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	_ = response.Body.Close()
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	a.answer = &answer{
		doing: a.doing, token: a.token, status: response.StatusCode,
		retryAfter: outbox.RetryAfter(response.Header.Get("Retry-After"), time.Now()),
	}
	if response.StatusCode == http.StatusTooManyRequests && a.answer.retryAfter == 0 {
		a.answer.retryAfter = retryAfterIn(body)
	}
	if a.token != "" {
		a.answer.readAPI(body)
	} else {
		a.answer.readWebhook(body)
	}
	return response, nil
}

// retryAfterIn returns the seconds that the body of an answer with status 429 asks for; 0 for none. Slack documents the header
// (https://docs.slack.dev/apis/web-api/rate-limits), and repeats it in the body: https://github.com/yassineaboukir/sublert/issues/46.
// Proxies may drop the header. Discord, which accepts Slack's messages, has the same field:
// https://discord.com/developers/docs/topics/rate-limits#exceeding-a-rate-limit.
func retryAfterIn(body []byte) time.Duration {
	var limit struct {
		RetryAfter json.Number `json:"retry_after"`
	}
	if json.Unmarshal(body, &limit) != nil {
		return 0
	}
	return outbox.RetryAfter(limit.RetryAfter.String(), time.Now())
}
