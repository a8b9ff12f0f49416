package alert_test

import (
	"testing"
	"time"

	"squarewatch/alert"
)

func TestLasting(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		d               time.Duration
		compact, spaced string
	}{
		{-time.Minute, "0s", "0 s"},
		{0, "0s", "0 s"},
		{499 * time.Millisecond, "0s", "0 s"},
		{500 * time.Millisecond, "1s", "1 s"},
		{59 * time.Second, "59s", "59 s"},
		{59*time.Second + 600*time.Millisecond, "1m", "1 min"},
		{5*time.Minute + 27*time.Second, "5m 27s", "5 min 27 s"},
		{time.Hour, "1h", "1 h"},
		{time.Hour + 59*time.Second, "1h", "1 h"}, // the second unit is the next one, not the next one above zero
		{time.Hour + time.Minute + 59*time.Second, "1h 1m", "1 h 1 min"},
		{day + 59*time.Minute, "1d", "1 d"},
		{400*day + 23*time.Hour + 59*time.Minute, "400d 23h", "400 d 23 h"},
	} {
		if got := alert.Lasting(c.d, alert.DurationCompact); got != c.compact {
			t.Errorf("%v: want %q, got %q", c.d, c.compact, got)
		}
		if got := alert.Lasting(c.d, alert.DurationSpaced); got != c.spaced {
			t.Errorf("%v: want %q, got %q", c.d, c.spaced, got)
		}
	}
}
