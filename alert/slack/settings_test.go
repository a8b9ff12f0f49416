package slack_test

import (
	"errors"
	"strings"
	"testing"

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
