package setting_test

import (
	"strings"
	"testing"
	"time"

	"squarewatch/config/setting"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "1.5h": 90 * time.Minute, "2d": 48 * time.Hour,
		"1d12h": 36 * time.Hour, "1w": 7 * 24 * time.Hour, "-1s": -time.Second, "0": 0,
	} {
		var got setting.Duration
		if err := got.UnmarshalText([]byte(text)); err != nil || time.Duration(got) != want {
			t.Errorf("%s: want %v, got %v, %v", text, want, got, err)
		}
	}
	for _, text := range []string{"", "2", "2 d", "d", "1d2", "1h1d", "2x", "1y", "9999999w"} {
		got := setting.Duration(time.Second)
		err := got.UnmarshalText([]byte(text))
		if err == nil || !strings.Contains(err.Error(), "for example 90s, 30m, 2h or 2d") {
			t.Errorf("%q: want an error that says what to write, got %v, %v", text, got, err)
		}
		if got != setting.Duration(time.Second) {
			t.Errorf("%q: want the value unchanged after an error, got %v", text, got)
		}
	}
}

func TestDurationsAreWrittenAsPeopleWriteThem(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"90d": 2160 * time.Hour, "24h": 24 * time.Hour, "1h30m": 90 * time.Minute, "1m30s": 90 * time.Second, "49h": 49 * time.Hour,
		"5m": 5 * time.Minute, "0s": 0, "-1s": -time.Second, "1h0m1s": time.Hour + time.Second, "10m": 10 * time.Minute,
	} {
		if got := setting.Duration(d).String(); got != want {
			t.Errorf("want %s, got %s", want, got)
		}
	}
}
