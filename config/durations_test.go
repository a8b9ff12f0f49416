package config_test

import (
	"regexp"
	"strings"
	"testing"

	"squarewatch/config"
	"squarewatch/config/setting"
)

func TestSchemaAcceptsTheDurationsThatAreRead(t *testing.T) {
	text, err := config.Schema(kinds())
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile(`"pattern": "(\^[^"]*h\)[^"]*)"`).FindStringSubmatch(string(text))[1]
	pattern := regexp.MustCompile(strings.ReplaceAll(quoted, `\\`, `\`))
	if pattern.MatchString("") {
		t.Error("want the schema to refuse an empty duration")
	}
	for _, text := range []string{"90s", "1h30m", "1.5h", "2d", "1d12h", "1w", "-1s"} {
		var d setting.Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || !pattern.MatchString(text) {
			t.Errorf("%s: want a duration that the schema accepts, got error %v, accepted %t", text, err, pattern.MatchString(text))
		}
	}
}
