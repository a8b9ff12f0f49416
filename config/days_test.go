package config_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"squarewatch/config"
)

func TestDurationsTakeDays(t *testing.T) {
	text, err := config.Schema(kinds())
	if err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile(strings.ReplaceAll(regexp.MustCompile(`"pattern": "(\^[^"]*h\)[^"]*)"`).FindStringSubmatch(string(text))[1], `\\`, `\`))
	if pattern.MatchString("") {
		t.Error("want the schema to refuse an empty duration")
	}
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "1.5h": 90 * time.Minute, "2d": 48 * time.Hour, "1d12h": 36 * time.Hour, "1w": 7 * 24 * time.Hour, "-1s": -time.Second,
	} {
		if got, err := config.ParseDuration(text); err != nil || got != want || !pattern.MatchString(text) {
			t.Errorf("%s: want %v, which the schema knows, got %v, %v", text, want, got, err)
		}
	}
	for _, text := range []string{"", "2", "2 d", "d", "1d2", "1h1d", "2x", "9999999w"} {
		if got, err := config.ParseDuration(text); err == nil || !strings.Contains(err.Error(), "for example 90s, 30m, 2h or 2d") {
			t.Errorf("%q: want an error that says what to write, got %v, %v", text, got, err)
		}
	}
}
