package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// testNames returns the names of all tests, fuzz targets and benchmarks of the repository, those with build tags too.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
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

// proofTables returns the first line of a table for some pages of docs. The column test of the table names what proves each line.
func proofTables() map[string]string {
	return map[string]string{
		"security.md":    "| attacker | goal | what stops them | test |",
		"reliability.md": "| promise | test | command | last figure |",
	}
}

// TestTheDocsNameTestsThatExist checks that each line of the tables names tests, benchmarks or files of test data that exist.
func TestTheDocsNameTestsThatExist(t *testing.T) {
	names, quoted := testNames(t), regexp.MustCompile("`([^`]+)`")
	for page, head := range proofTables() {
		text, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		_, table, _ := strings.Cut(string(text), head+"\n| --- | --- | --- | --- |\n")
		table, _, found := strings.Cut(table, "\n\n")
		if !found {
			t.Fatalf("%s: want the table %s", page, head)
		}
		column := slices.Index(cellsOf(head), "test")
		for row := range strings.Lines(table) {
			cells := cellsOf(row)
			if len(cells) != len(cellsOf(head)) {
				t.Fatalf("%s: want %s, got %s", page, head, row)
			}
			proofs := quoted.FindAllStringSubmatch(cells[column], -1)
			if len(proofs) == 0 {
				t.Errorf("%s: want a test in the line of %s", page, cells[0])
			}
			for _, proof := range proofs {
				if _, err := os.Stat(filepath.Join("../..", proof[1])); !names[proof[1]] && (err != nil || !strings.Contains(proof[1], "/testdata/")) {
					t.Errorf("%s: %s: there is neither a test nor a file of test data %s", page, cells[0], proof[1])
				}
			}
		}
	}
}

// cellsOf returns the cells of a row of a table.
func cellsOf(row string) []string {
	cells := strings.Split(strings.Trim(strings.TrimSpace(row), "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

// TestEveryCommandOfAPromiseIsATarget checks that the commands of the promises are targets of the Makefile.
func TestEveryCommandOfAPromiseIsATarget(t *testing.T) {
	page, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range regexp.MustCompile("`make ([a-z-]+)`").FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(string(makefile), "\n"+command[1]+": ") {
			t.Errorf("there is no target %s in the Makefile", command[1])
		}
	}
}
