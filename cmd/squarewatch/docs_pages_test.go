package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docPages returns the text of the README and of every page of docs, by its path from the root of the repository.
func docPages(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(paths) < 20 {
		t.Fatalf("want the pages of docs, got %d and %v", len(paths), err)
	}
	pages := map[string]string{}
	for _, path := range append(paths, "../../README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pages[strings.TrimPrefix(path, "../../")] = string(text)
	}
	return pages
}

// TestTheReadmeFitsItsReader checks that the README is short and leads to every page.
func TestTheReadmeFitsItsReader(t *testing.T) {
	pages := docPages(t)
	readme := pages["README.md"]
	if lines := strings.Count(readme, "\n"); lines > 150 {
		t.Errorf("want at most 150 lines in the README, got %d", lines)
	}
	for path := range pages {
		if path != "README.md" && !strings.Contains(readme, "("+path+")") {
			t.Errorf("the README does not lead to %s", path)
		}
	}
}

// TestEveryPageSaysForWhomItIs checks that a page begins with its reader and ends with where to go next.
func TestEveryPageSaysForWhomItIs(t *testing.T) {
	for path, text := range docPages(t) {
		if path == "README.md" {
			continue
		}
		title, rest, _ := strings.Cut(text, "\n\n")
		if !strings.HasPrefix(title, "# ") || !strings.HasPrefix(rest, "For: ") {
			t.Errorf("%s: want a title, and then whom the page is for", path)
		}
		if last := text[strings.LastIndex(text, "\n## ")+1:]; !strings.HasPrefix(last, "## Next\n") {
			t.Errorf("%s: want to end with where to go next", path)
		}
	}
}

// TestEveryLinkOfTheDocsLeadsSomewhere follows the links within the repository, with their headings.
func TestEveryLinkOfTheDocsLeadsSomewhere(t *testing.T) {
	link := regexp.MustCompile(`(?:\]\(|src=")([^)"\s]+)[)"]`)
	pages := docPages(t)
	for path, text := range pages {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			file, heading, _ := strings.Cut(found[1], "#")
			to := path
			if file != "" {
				to = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat("../../" + to); err != nil {
				t.Errorf("%s links to %s, which is not there", path, found[1])
			}
			if heading != "" && !slices.Contains(anchors(pages[to]), heading) {
				t.Errorf("%s links to %s, and %s has no such heading", path, found[1], to)
			}
		}
	}
}

// anchors returns the names that the headings of a page have in links.
func anchors(text string) []string {
	dropped := regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	var all []string
	for line := range strings.Lines(text) {
		if marks, heading, found := strings.Cut(strings.TrimSpace(line), " "); found && strings.Trim(marks, "#") == "" {
			all = append(all, strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(heading), ""), " ", "-"))
		}
	}
	return all
}

// docBlocks returns the blocks of a language on a page.
func docBlocks(text, language string) []string {
	var blocks []string
	for _, block := range regexp.MustCompile("(?ms)^( *)```"+language+"\n(.*?)^ *```$").FindAllStringSubmatch(text, -1) {
		indent := block[1]
		var lines strings.Builder
		for line := range strings.Lines(block[2]) {
			lines.WriteString(strings.TrimPrefix(line, indent))
		}
		blocks = append(blocks, lines.String())
	}
	return blocks
}
