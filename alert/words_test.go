package alert_test

import (
	"testing"
	"time"

	"squarewatch/alert"
	"squarewatch/probe"
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
		{time.Hour + 59*time.Second, "1h", "1 h"}, // the second unit is minutes, which are zero here
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

func TestOutcomeCounts(t *testing.T) {
	for want, classes := range map[string][]alert.ClassCount{
		"":       nil,
		"6× 500": {{Class: probe.ServerError, Code: 500, Runs: 6}},
		"6× 500, 2× timeout, 1× dns error": {
			{Class: probe.ServerError, Code: 500, Runs: 6}, {Class: probe.Timeout, Runs: 2}, {Class: probe.DNSError, Runs: 1},
		},
		"1× protocol error": {{Class: probe.ProtocolError, Code: 200, Runs: 1}}, // the answer broke off
		"1× 500, 1× 501, 1× 502, 1× 503, 1× 504 and 2 more": {
			{Code: 500, Runs: 1},
			{Code: 501, Runs: 1},
			{Code: 502, Runs: 1},
			{Code: 503, Runs: 1},
			{Code: 504, Runs: 1},
			{Code: 505, Runs: 1},
			{Code: 506, Runs: 1},
		},
	} {
		if got := alert.OutcomeCounts(classes); got != want {
			t.Errorf("want %q, got %q", want, got)
		}
	}
}
