package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"

	"squarewatch/config"
	"squarewatch/probe"
)

// FuzzSecretFile reads secrets from a file of any content. Either the secret is refused at its place in the
// configuration, or an HTTP header can carry it. Neither an error nor the printed configuration shows it.
func FuzzSecretFile(f *testing.F) {
	f.Add([]byte(hush), true)
	f.Add([]byte(hush+"\r\n\n"), false)
	f.Add([]byte("https://hooks.example.org/"+hush+" "), false)
	f.Add([]byte("\x00"+hush+"${env:KEY}"), true)
	path := filepath.Join(f.TempDir(), "secret")
	key := "credentials: {partner: {api_key: \"${file:" + path + "}\"}}\n"
	hook := "notifiers: {ops: {slack: {webhook_url: \"${file:" + path + "}\"}}}\n"
	f.Fuzz(func(t *testing.T, content []byte, isKey bool) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		section, place := hook, "notifiers.ops.slack.webhook_url"
		if isKey {
			section, place = key, "credentials.partner.api_key"
		}
		text := []byte("target: https://api.example.org\ncatalogue: [reach]\n" + section)
		cfg, err := config.Parse("f.yaml", text, config.Options{Kinds: kinds()})
		if err != nil {
			if !strings.Contains(err.Error(), place) || strings.Contains(err.Error(), hush) {
				t.Errorf("want a fault at %s without the secret, got %v", place, err)
			}
			return
		}
		if text := fmt.Sprint(printed(t, cfg), cfg.Warnings); strings.Contains(text, hush) {
			t.Errorf("the secret is printed: %s", text)
		}
		settings, ok := cfg.Credentials["partner"].Settings.(probe.APIKeySettings)
		if ok && !httpguts.ValidHeaderFieldValue(settings.APIKey.Reveal()) {
			t.Errorf("no header can carry what was read from %q", content)
		}
	})
}
