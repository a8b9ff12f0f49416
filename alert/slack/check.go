package slack

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"squarewatch/alert/outbox"
)

const doingCheck = "ask Slack"

var _ outbox.Checker = (*Notifier)(nil)

// Check asks Slack whether it knows the webhook or the tokens, and posts nothing. Errors are of type [outbox.DeliveryError].
func (n *Notifier) Check(ctx context.Context) (says string, _ error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if n.settings.BotToken.IsZero() {
		return n.checkWebhook(ctx)
	}
	// https://docs.slack.dev/reference/methods/auth.test
	api, recorder := n.apiWith(doingCheck, keyBotToken)
	_, err := api.AuthTestContext(ctx)
	if fault := recorder.result(ctx, err).failure(); fault != nil {
		return "", fault
	}
	says = "Slack knows the bot token; only a message shows whether the bot may post to " + n.settings.Channel
	if n.settings.AppToken.IsZero() {
		return says, nil
	}
	// This call only returns an address to connect to: https://docs.slack.dev/reference/methods/apps.connections.open
	api, recorder = n.apiWith(doingCheck, keyAppToken)
	_, _, err = api.StartSocketModeContext(ctx)
	if fault := recorder.result(ctx, err).failure(); fault != nil {
		return "", fault
	}
	return says + "; Slack knows the app token", nil
}

// emptyMessage is a message that no webhook posts.
const emptyMessage = `{"text": ""}`

// checkWebhook sends an empty message. A webhook that exists refuses it with status 400 and posts nothing. A webhook that was revoked
// answers 403 or 404. A public scanner of secrets finds webhooks in this way, and its users saw these answers of real webhooks:
// https://github.com/trufflesecurity/trufflehog/issues/880, https://github.com/trufflesecurity/trufflehog/issues/2177. A webhook of an
// inactive account may also answer 400 (https://github.com/trufflesecurity/trufflehog/pull/1761), so only a message shows that the webhook
// posts.
func (n *Notifier) checkWebhook(ctx context.Context) (says string, _ error) {
	client, recorder := n.recordingClient(doingCheck, "")
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, n.settings.WebhookURL.Reveal(), strings.NewReader(emptyMessage))
	if err != nil {
		return "", &outbox.DeliveryError{
			Reason: outbox.ReasonInvalid, Permanent: true, Fix: "correct webhook_url in the configuration", Err: errAddress,
		}
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err == nil {
		_ = response.Body.Close()
	}
	a := recorder.result(ctx, err)
	if a.fault == nil && a.status == http.StatusBadRequest && slices.Contains(emptyRefusals(), a.word) {
		return "the webhook is there: it refused an empty message, so that nothing was posted; only a message shows whether it posts", nil
	}
	if fault := a.failure(); fault != nil {
		return "", fault
	}
	return "the webhook accepted an empty message", nil
}

// emptyRefusals are the error codes with which a webhook refuses a message without text. Older webhooks say no_text, newer ones
// missing_text_or_fallback_or_attachments (https://github.com/trufflesecurity/trufflehog/pull/932,
// https://github.com/trufflesecurity/trufflehog/pull/1427). Slack documents invalid_payload for a message that it cannot read.
func emptyRefusals() []string {
	return []string{"no_text", "missing_text_or_fallback_or_attachments", "invalid_payload"}
}
