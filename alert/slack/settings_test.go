package slack_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squarewatch/alert/slack"
	"squarewatch/config/secret"
	"squarewatch/config/setting"
)

func TestSettingsAreChecked(t *testing.T) {
	for address, valid := range map[string]bool{
		"https://hooks.slack.com/services/T0/B0/" + token:        true,
		"https://hooks.slack.com/services/T0/B0/" + token + "/":  true,
		"https://hooks.slack.com/services/" + token:              false,
		"https://hooks.slack.com/services/" + token + "/B0":      false,
		"https://hooks.slack.com/services/" + token + "/B0/":     false,
		"https://hooks.slack.com/services//B0/" + token:          false,
		"https://hooks.slack-gov.com/services/" + token + "/":    false,
		"https://slack-proxy.example.org/" + token:               true,
		"https://hooks.slack-gov.com/services/T0/B0/" + token:    true,
		"https://discord.com/api/webhooks/1/" + token + "/slack": true,
		"https://slack-proxy.example.org/workflows/" + token:     true,
		"https://hooks.slack.com/triggers/T0/1/" + token:         false,
		"https://hooks.slack.com/workflows/T0/A0/" + token:       false,
		"https://hooks.slack.com/commands/T0/" + token:           false,
		"https://example.slack.com/archives/" + token:            false,
		"https://discord.com/api/webhooks/1/" + token:            false,
		"https://example.webhook.office.com/webhookb2/" + token:  false,
		"https://chat.googleapis.com/v1/spaces/" + token:         false,
		"http://127.0.0.1:8080/" + token:                         true,
		"http://localhost/" + token:                              true,
		"http://[::1]:1/" + token:                                true,
		"http://hooks.slack.com/services/" + token:               false,
		"http://localhost.evil.example/" + token:                 false,
		"hooks.slack.com/services/" + token:                      false,
		"https:///services/" + token:                             false,
		"https://a b/" + token:                                   false,
		"ftp://127.0.0.1/" + token:                               false,
		"%zz" + token:                                            false,
		"":                                                       false,
	} {
		settings := slack.Settings{WebhookURL: secret.New(address)}
		err := settings.Validate()
		if valid != (err == nil) {
			t.Errorf("%q: want valid %v, got %v", address, valid, err)
		}
		if err == nil {
			continue
		}
		if fault, ok := errors.AsType[*setting.Invalid](err); !ok || fault.Field != "webhook_url" || fault.Fix == "" {
			t.Errorf("%q: want a fault of webhook_url with its fix, got %v", address, err)
		}
		checkSecret(t, err)
		if known := strings.HasPrefix(address, "https://") && !strings.Contains(address, " ") && !strings.HasPrefix(address, "https:///"); known {
			continue // it is reached over the network
		}
		if got := faultOf(t, deliver(t.Context(), t, slack.New(settings, slack.Options{}))); got.Reason != "invalid" {
			t.Errorf("%q: want invalid, got %v", address, got)
		}
	}
}

func TestSettingsNameAWebhookOrABot(t *testing.T) {
	token, app, webhook := secret.New("xoxb-hush"), secret.New("xapp-hush"), secret.New("https://hooks.example.org/hush")
	for name, test := range map[string]struct {
		settings slack.Settings
		fields   []string // that are at fault
	}{
		"nothing":              {slack.Settings{}, []string{"webhook_url"}},
		"a webhook":            {slack.Settings{WebhookURL: webhook}, nil},
		"a bot":                {slack.Settings{BotToken: token, Channel: "ops"}, nil},
		"a bot with an app":    {slack.Settings{BotToken: token, Channel: "ops", AppToken: app, APIURL: "http://127.0.0.1:8080/api"}, nil},
		"both":                 {slack.Settings{WebhookURL: webhook, BotToken: token, Channel: "ops"}, []string{"webhook_url"}},
		"no channel":           {slack.Settings{BotToken: token}, []string{"channel"}},
		"a channel alone":      {slack.Settings{Channel: "ops"}, []string{"bot_token"}},
		"an app without a bot": {slack.Settings{AppToken: app}, []string{"bot_token", "channel"}},
		"an app of a webhook":  {slack.Settings{WebhookURL: webhook, AppToken: app}, []string{"webhook_url", "bot_token", "channel"}},
		"a token of lines":     {slack.Settings{BotToken: secret.New("xoxb-hush\nx"), Channel: "ops"}, []string{"bot_token"}},
		"an app of lines":      {slack.Settings{BotToken: token, AppToken: secret.New("xapp-hush\nx"), Channel: "ops"}, []string{"app_token"}},
		"a user token":         {slack.Settings{BotToken: secret.New("xoxp-hush"), Channel: "ops"}, []string{"bot_token"}},
		"an app token as bot":  {slack.Settings{BotToken: app, Channel: "ops"}, []string{"bot_token"}},
		"a bot token as app":   {slack.Settings{BotToken: token, Channel: "ops", AppToken: token}, []string{"app_token"}},
		"a token that rotates": {slack.Settings{BotToken: secret.New("xoxe.xoxb-1-hush"), Channel: "ops"}, []string{"bot_token"}},
		"a link to a channel":  {slack.Settings{BotToken: token, Channel: "https://example.slack.com/archives/C0123"}, []string{"channel"}},
		"plain http":           {slack.Settings{BotToken: token, Channel: "ops", APIURL: "http://slack.example.org"}, []string{"api_url"}},
	} {
		err := test.settings.Validate()
		var got []string
		for _, fault := range faultsIn(err) {
			got = append(got, fault.Field)
			if fault.Problem == "" || fault.Fix == "" {
				t.Errorf("%s: want what is wrong and what to do, got %v", name, fault)
			}
		}
		if diff := cmp.Diff(test.fields, got); diff != "" {
			t.Errorf("%s: fields at fault (-want +got):\n%s", name, diff)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: a secret is in %v", name, err)
		}
	}
}

// faultsIn returns the faults that an error of settings joins.
func faultsIn(err error) []*setting.Invalid {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var faults []*setting.Invalid
	for _, e := range joined.Unwrap() {
		if fault, ok := errors.AsType[*setting.Invalid](e); ok {
			faults = append(faults, fault)
		}
	}
	return faults
}
