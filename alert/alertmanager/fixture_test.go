package alertmanager_test

import (
	"errors"
	"testing"

	"squarewatch/config/setting"
)

// fields returns the settings that an error names, and checks that each has a Fix.
func fields(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("want joined faults, got %T", err)
	}
	var all []string
	for _, e := range joined.Unwrap() {
		fault, ok := errors.AsType[*setting.Invalid](e)
		if !ok || fault.Fix == "" {
			t.Errorf("want a fault with its fix, got %v", e)
			continue
		}
		all = append(all, fault.Field)
	}
	return all
}
