package notifiertest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"squarewatch/alert/notifiertest"
	"squarewatch/alert/outbox"
	"squarewatch/alert/slack"
	"squarewatch/alert/slack/slackstub"
	"squarewatch/config/secret"
)

// TestSlack is also the example of a harness.
func TestSlack(t *testing.T) {
	const secrets = "hush" // the last part of the stand-in's webhook
	notifiertest.Run(t, notifiertest.Harness{
		New: func(_ *testing.T, address string) outbox.Notifier {
			return slack.New(slack.Settings{WebhookURL: secret.New(slackstub.NewSlack(address).Webhook())}, slack.Options{})
		},
		Accept: slackstub.NewSlack("").ServeHTTP,
		Refusals: map[string]http.HandlerFunc{
			"no_service":        notifiertest.Answer(http.StatusNotFound, "", "no_service"),
			"channel_not_found": notifiertest.Answer(http.StatusNotFound, "", "channel_not_found"),
			"a login page":      notifiertest.Answer(http.StatusOK, "", "<html>"+secrets),
			"a workflow":        notifiertest.Answer(http.StatusOK, "", `{"ok":true}`),
			"nothing":           notifiertest.Answer(http.StatusOK, "", ""),
			"a proxy":           notifiertest.Answer(http.StatusForbidden, "", "<html>"+secrets),
		},
		Secrets: []string{secrets},
		Inspect: func(t *testing.T, _ *http.Request, body []byte) {
			t.Helper()
			var message any
			if err := json.Unmarshal(body, &message); err != nil {
				t.Errorf("the message is not JSON: %v", err)
			}
			for _, mention := range []string{"<!channel>", "<!here>", "<@U123>", "@everyone"} {
				if strings.Contains(interpreted(message), mention) {
					t.Errorf("the message mentions %s", mention)
				}
			}
		},
	})
}

// TestSlackBot runs the same tests for a bot.
func TestSlackBot(t *testing.T) {
	const token = slackstub.BotToken
	word := func(text string) http.HandlerFunc {
		return notifiertest.Answer(http.StatusOK, "", `{"ok": false, "error": "`+text+`"}`)
	}
	notifiertest.Run(t, notifiertest.Harness{
		New: func(_ *testing.T, address string) outbox.Notifier {
			return slack.New(slack.Settings{BotToken: secret.New(token), Channel: slackstub.Name, APIURL: address + "/api"}, slack.Options{})
		},
		Accept: slackstub.NewSlack("").ServeHTTP,
		Refusals: map[string]http.HandlerFunc{
			"invalid_auth":      word("invalid_auth"),
			"channel_not_found": word("channel_not_found"),
			"a login page":      notifiertest.Answer(http.StatusOK, "", "<html>"+token),
			"a proxy":           notifiertest.Answer(http.StatusForbidden, "", "<html>"+token),
		},
		Secrets: []string{token},
		Inspect: func(t *testing.T, _ *http.Request, body []byte) {
			t.Helper()
			form, err := url.ParseQuery(string(body))
			if err != nil {
				t.Errorf("the message is not a form: %v", err)
			}
			var blocks any
			if err := json.Unmarshal([]byte(form.Get("blocks")), &blocks); err != nil {
				t.Errorf("the blocks are not JSON: %v", err)
			}
			for _, mention := range []string{"<!channel>", "<!here>", "<@U123>", "@everyone"} {
				if strings.Contains(interpreted(blocks), mention) || strings.Contains(form.Get("text"), mention) {
					t.Errorf("the message mentions %s", mention)
				}
			}
		},
	})
}

// interpreted returns the texts in which Slack looks for mentions: all but plain_text objects, which it shows as they are.
func interpreted(value any) string {
	var texts strings.Builder
	switch v := value.(type) {
	case string:
		texts.WriteString(v + "\n")
	case []any:
		for _, element := range v {
			texts.WriteString(interpreted(element))
		}
	case map[string]any:
		if v["type"] == "plain_text" {
			return ""
		}
		for _, element := range v {
			texts.WriteString(interpreted(element))
		}
	}
	return texts.String()
}
