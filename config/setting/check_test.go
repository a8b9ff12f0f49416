package setting_test

import (
	"errors"
	"strings"
	"testing"

	"squarewatch/config/setting"
)

func TestFaultsAreJoinedInOrder(t *testing.T) {
	var faults setting.Faults
	faults.Add(false, "good", "is not reported", "")
	if err := faults.Err(); err != nil {
		t.Fatalf("want no error without a fault, got %v", err)
	}
	faults.Add(true, "timeout", "is 0s", "write a duration above zero")
	faults.AddName("name", "Feed", "feed")
	faults.AddGlobs("probes", []string{"user-*", "", "[a"})
	want := strings.Join([]string{
		"timeout is 0s: write a duration above zero",
		`name is "Feed": write small letters, digits and dashes, for example feed`,
		`probes[1] is "", which is not a pattern: write a name or a glob such as "user-*"`,
		`probes[2] is "[a", which is not a pattern: write a name or a glob such as "user-*"`,
		"another",
	}, "\n")
	faults = append(faults, errors.New("another"), nil)
	err := faults.Err()
	if err.Error() != want {
		t.Errorf("want %s\ngot %v", want, err)
	}
	if fault, ok := errors.AsType[*setting.Invalid](err); !ok || fault.Field != "timeout" {
		t.Errorf("want the first fault as a setting.Invalid, got %v", fault)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"feed": true, "a": true, "user-2": true, strings.Repeat("a", 63): true,
		"": false, "-a": false, "a-": false, "Feed": false, "a b": false, "a*": false, "a\n": false, strings.Repeat("a", 64): false,
	} {
		if got := setting.ValidName(name); got != want {
			t.Errorf("%q: want valid %t, got %t", name, want, got)
		}
	}
}
