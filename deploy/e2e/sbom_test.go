//go:build e2e

package e2e_test

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTheSBOMListsWhatTheBinaryHolds compares what make sbom writes with what Go recorded in the binary.
func TestTheSBOMListsWhatTheBinaryHolds(t *testing.T) {
	if out, err := exec.CommandContext(t.Context(), "make", "-C", "../..", "sbom").CombinedOutput(); err != nil {
		t.Fatalf("make sbom: %v\n%s", err, out)
	}
	text, err := os.ReadFile("../../bin/squarewatch.cdx.json")
	if err != nil {
		t.Fatal(err)
	}
	var bom struct {
		Format     string `json:"bomFormat"`
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(text, &bom); err != nil || bom.Format != "CycloneDX" {
		t.Fatalf("want CycloneDX, got %q, %v", bom.Format, err)
	}
	listed := map[string]string{}
	for _, c := range bom.Components {
		listed[c.Name] = c.Version
	}
	info, err := buildinfo.ReadFile("../../bin/squarewatch")
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]string{"std": info.GoVersion}
	for _, module := range info.Deps {
		held[module.Path] = module.Version
	}
	if diff := cmp.Diff(held, listed); diff != "" {
		t.Errorf("the binary and its list (-binary +list):\n%s", diff)
	}
}
