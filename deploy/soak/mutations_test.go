//go:build soak

package soak_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMutationsApply checks that the source has not moved away from the patches of mutations.sh.
func TestMutationsApply(t *testing.T) {
	patches, err := filepath.Glob("mutations/*.patch")
	if err != nil || len(patches) == 0 {
		t.Fatalf("mutations/ has no patch: %v", err)
	}
	for _, patch := range patches {
		git := exec.CommandContext(t.Context(), "git", "apply", "--check", "deploy/soak/"+patch)
		git.Dir = "../.."
		if text, err := git.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", patch, err, text)
		}
	}
}
