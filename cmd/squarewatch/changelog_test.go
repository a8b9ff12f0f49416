package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestTheChangelogNamesTheSchemas checks that each version says what an upgrade needs, and that the newest section with the versions of
// the file and of the database has those of the program.
func TestTheChangelogNamesTheSchemas(t *testing.T) {
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	current := newVersionJSON()
	want := fmt.Sprintf("Configuration file: version %d. Database: alerts %d, history %d.",
		current.File, current.Database.Alerts, current.Database.History)
	named := regexp.MustCompile(`Configuration file: version \d+\. Database: alerts \d+, history \d+\.`)
	if got := named.FindString(string(text)); got != want {
		t.Errorf("want the newest versions in CHANGELOG.md:\n%s\ngot:\n%s", want, got)
	}
	for _, section := range strings.Split(string(text), "\n## ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		_, upgrade, _ := strings.Cut(body, "### Upgrade\n")
		if !regexp.MustCompile(`^(\d+\.\d+\.\d+|Unreleased)$`).MatchString(title) || !named.MatchString(upgrade) {
			t.Errorf("want a version, and what an upgrade to it needs, in the section %q", title)
		}
	}
}
