package setting_test

import (
	"testing"

	"squarewatch/config/setting"
)

func TestShares(t *testing.T) {
	for text, want := range map[string]string{
		"20%": "20%", "0.2": "20%", " 0.5% ": "0.5%", "0": "0%", "1": "100%", "100%": "100%",
		"99.95%": "100%",
	} {
		share, err := setting.ParseShare(text)
		if got := share.String(); err != nil || got != want {
			t.Errorf("%q: want %s, got %s, %v", text, want, got, err)
		}
	}
	for _, text := range []string{"", "%", "101%", "-1%", "1.1", "NaN", "NaN%", "much"} {
		if share, err := setting.ParseShare(text); err == nil {
			t.Errorf("%q: want an error, got %v", text, share)
		}
	}
}
