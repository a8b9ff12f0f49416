package setting_test

import (
	"testing"

	"squarewatch/config/setting"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]string{
		"64MiB": "64MiB", "64 MiB": "64MiB", "0": "0B", "1GiB": "1.0GiB", "1000": "1000B",
		"512kib": "512KiB",
	} {
		var size setting.Size
		if err := size.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got := size.String(); want != got {
			t.Errorf("%s: want %s, got %s", text, want, got)
		}
	}
	for _, text := range []string{"", "much", "-1", "64 parsecs", "99999999EiB", "10000000000000000000"} {
		var size setting.Size
		if err := size.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%s: want an error, got %s", text, size)
		}
	}
}
