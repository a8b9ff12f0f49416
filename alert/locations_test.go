package alert_test

import (
	"strings"
	"testing"

	"squarewatch/alert"
)

func TestLocationsAreANumberOrAWord(t *testing.T) {
	for text, several := range map[string]bool{"1": false, "2": true, "100": true, "majority": true, "all": true} {
		var l alert.Locations
		if err := l.UnmarshalText([]byte(text)); err != nil || l.String() != text || l.Several() != several {
			t.Errorf("%s: got %v, %v, %v", text, l, l.Several(), err)
		}
	}
	for _, text := range []string{"", "0", "-1", "101", "2.5", "half"} {
		var l alert.Locations
		if err := l.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "write a number from 1 to 100, majority or all") {
			t.Errorf("%q: want it refused with what to write, got %v", text, err)
		}
	}
	if alert.Locations(0).Several() {
		t.Error("want one location to be enough when the key is absent")
	}
}
