package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testNames returns the names of all tests and fuzz targets of the repository, those with build tags too.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	names := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range declared.FindAllSubmatch(text, -1) {
			names[string(match[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestTheThreatModelNamesTestsThatExist reads docs/security.md: every line of its table names a test or a file of test data, and each of
// them exists.
func TestTheThreatModelNamesTestsThatExist(t *testing.T) {
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| attacker | goal | what stops them | test |\n| --- | --- | --- | --- |\n")
	table, _, found := strings.Cut(table, "\n\n")
	if !found {
		t.Fatal("want the table of the threat model")
	}
	names := testNames(t)
	quoted := regexp.MustCompile("`([^`]+)`")
	for row := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(row), "|"), "|")
		proofs := quoted.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(proofs) == 0 {
			t.Errorf("want a test in the line of %s", cells[0])
		}
		for _, proof := range proofs {
			if _, err := os.Stat(filepath.Join("../..", proof[1])); !names[proof[1]] && (err != nil || !strings.Contains(proof[1], "/testdata/")) {
				t.Errorf("%s: there is neither a test nor a file of test data %s", strings.TrimSpace(cells[0]), proof[1])
			}
		}
	}
}
