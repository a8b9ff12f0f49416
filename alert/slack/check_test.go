package slack_test

import (
	"net/http"
	"strings"
	"testing"

	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/config/secret"
)

// TestCheckOfAWebhook asks webhooks that exist, with the error codes of older and newer ones, and webhooks that were revoked or turned off.
// None gets a message.
func TestCheckOfAWebhook(t *testing.T) {
	for word, want := range map[string]string{
		"": "nothing was posted", "missing_text_or_fallback_or_attachments": "nothing was posted", "invalid_payload": "nothing was posted",
		"invalid_token": "revoked", "no_service": "turned off",
	} {
		server := slackstub.New()
		defer server.Close()
		if word != "" {
			server.Always(slackstub.Fault{Word: word})
		}
		notifier := slack.New(slack.Settings{WebhookURL: secret.New(server.Webhook())}, slack.Options{Client: &http.Client{}})
		says, err := notifier.Check(t.Context())
		if err != nil {
			says = err.Error()
		}
		if !strings.Contains(says, want) || len(server.Messages()) > 0 {
			t.Errorf("%q: want %q and no message, got %q, %v", word, want, says, server.Messages())
		}
	}
}
