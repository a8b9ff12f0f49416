//go:build e2e

package e2e_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestPageInChromium opens the pages of a demo in a real Chromium, light and dark, on a phone and on a desk. axe-core finds nothing, other
// hosts are asked nothing, the page works without JavaScript, and an update arrives.
func TestPageInChromium(t *testing.T) {
	folder, err := filepath.Abs("pagejudge")
	if err != nil {
		t.Fatal(err)
	}
	demo := exec.CommandContext(t.Context(), binary(t), "demo")
	out := start(t, demo)
	place := regexp.MustCompile(`its page is at (http://[0-9.:]+)/`)
	eventually(t, 30*time.Second, "an incident on the page", func() bool {
		found := place.FindStringSubmatch(out.String())
		if found == nil {
			return false
		}
		_, body, err := get(t.Context(), found[1]+"/index.json")
		return err == nil && strings.Contains(body, `"incidents":[{"id":`)
	})
	judge := exec.CommandContext(t.Context(), "node", "judge.mjs", place.FindStringSubmatch(out.String())[1], t.TempDir())
	judge.Dir = folder
	said, err := judge.CombinedOutput()
	if err != nil {
		t.Errorf("the judge failed; run deploy/e2e/setup.sh: %v", err)
	}
	if text := strings.TrimSpace(string(said)); text != "" {
		t.Errorf("the page has faults:\n%s", text)
	}
}
