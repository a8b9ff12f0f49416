//go:build soak

package soak_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMutationsApply checks that every patch of make mutations still applies to the code.
func TestMutationsApply(t *testing.T) {
	patches, err := filepath.Glob("mutations/*.patch")
	if err != nil || len(patches) == 0 {
		t.Fatalf("want patches, got %v, %v", patches, err)
	}
	for _, patch := range patches {
		cmd := exec.CommandContext(t.Context(), "git", "apply", "--check", filepath.Join("deploy", "soak", patch))
		cmd.Dir = "../.."
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}
