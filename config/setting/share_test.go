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

// FuzzShare checks that the text of every share is read as the same share.
func FuzzShare(f *testing.F) {
	for _, text := range []string{"20%", "0.2", "NaN", "1e-3", "0x1p-2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		share, err := setting.ParseShare(text)
		if err != nil {
			return
		}
		written, _ := share.MarshalText()
		var again setting.Share
		if err := again.UnmarshalText(written); err != nil || max(again-share, share-again) > 1e-12 {
			t.Errorf("%q is %v, which is written as %s and read as %v, %v", text, float64(share), written, float64(again), err)
		}
	})
}
