package main

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// advisories returns, for each module, the first version without a known vulnerability. make vulncheck asks the whole database, and needs
// the network. Add a line here when it finds a vulnerability, so that no update and no merge brings the old version back.
func advisories() map[string]struct{ fixed, source string } {
	return map[string]struct{ fixed, source string }{
		"github.com/prometheus/prometheus": {"v0.311.3", "CVE-2026-42151, CVE-2026-42154"},
		"google.golang.org/grpc":           {"v1.83.2", "https://pkg.go.dev/vuln/GO-2026-6348, GO-2026-6443"},
		"go.opentelemetry.io/otel":         {"v1.41.0", "https://github.com/advisories/GHSA-mh2q-q3fh-2475"},
		"go.opentelemetry.io/otel/sdk":     {"v1.43.0", "https://github.com/advisories/GHSA-hfvc-g4fc-pqhx"},
		"github.com/golang-jwt/jwt/v5":     {"v5.2.2", "https://pkg.go.dev/vuln/GO-2025-3553"},
		"golang.org/x/net":                 {"v0.38.0", "https://pkg.go.dev/vuln/GO-2025-3595"},
	}
}

// goMod reads go.mod. It names every module that a package of ours or of its tests is built from, also the indirect ones.
func goMod(t *testing.T) *modfile.File {
	t.Helper()
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	file, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestNoModuleHasAKnownAdvisory(t *testing.T) {
	seen := 0
	for _, module := range goMod(t).Require {
		known, found := advisories()[module.Mod.Path]
		if !found {
			continue
		}
		seen++
		if semver.Compare(module.Mod.Version, known.fixed) < 0 {
			t.Errorf("%s %s has a known vulnerability (%s): use %s or later", module.Mod.Path, module.Mod.Version, known.source, known.fixed)
		}
	}
	if seen != len(advisories()) {
		t.Errorf("want each module of advisories in go.mod, found %d of %d: remove the lines of modules that go.mod no longer has",
			seen, len(advisories()))
	}
}

// TestTheToolchainIsPinned checks that go.mod names the patch release of Go for a build, and that the README names its minor release.
func TestTheToolchainIsPinned(t *testing.T) {
	file := goMod(t)
	if strings.Count(file.Go.Version, ".") != 2 {
		t.Errorf("want a Go version with its patch release in go.mod, got %s", file.Go.Version)
	}
	if file.Toolchain == nil || strings.Count(file.Toolchain.Name, ".") != 2 {
		t.Fatal("want a toolchain line with a patch release in go.mod")
	}
	required, built := "v"+file.Go.Version, "v"+strings.TrimPrefix(file.Toolchain.Name, "go")
	if semver.Compare(built, required) < 0 {
		t.Errorf("want a toolchain that is not older than go %s, got %s", file.Go.Version, file.Toolchain.Name)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "With Go " + strings.TrimPrefix(semver.MajorMinor(required), "v") + " "; !strings.Contains(string(readme), want) {
		t.Errorf("want %q in the README", want)
	}
}
