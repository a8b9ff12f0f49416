package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"squarewatch/config"
)

// TestExampleFilesAreValid loads every YAML block of the README and of the page's document, and the example that the package installs.
func TestExampleFilesAreValid(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../deploy/squarewatch.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/page.md")
	if err != nil {
		t.Fatal(err)
	}
	files := []string{string(example)}
	for _, block := range strings.Split(string(page), "```yaml\n")[1:] {
		files = append(files, "target: https://api.aisquare.studio\ncatalogue: [reach]\n"+block[:strings.Index(block, "```")])
	}
	for _, block := range strings.Split(string(readme), "```yaml\n")[1:] {
		files = append(files, block[:strings.Index(block, "```")])
	}
	if len(files) < 4 {
		t.Fatalf("want the example, a block of the page and two of the README, found %d files", len(files))
	}
	credentials := t.TempDir()
	for _, name := range []string{"aisquare-api-key", "aisquare-user", "aisquare-password", "slack-webhook", "slack-bot-token", "web-token"} {
		if err := os.WriteFile(credentials+"/"+name, []byte("https://hooks.example.org/x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range files {
		cfg, err := config.Parse("shown.yaml", []byte(file), config.Options{Kinds: kinds(), CredentialsDirectory: credentials})
		if err != nil {
			t.Errorf("%v\nin:\n%s", err, file)
			continue
		}
		if err := buildable(cfg); err != nil {
			t.Errorf("%v\nin:\n%s", err, file)
		}
		for _, warning := range cfg.Warnings {
			if strings.Contains(warning.String(), "no rule counts") {
				t.Errorf("%v\nin:\n%s", warning, file)
			}
		}
	}
}

// TestEveryNotifierIsAKindAndInTheReadme checks that kinds.go and the README name every package of a notifier.
func TestEveryNotifierIsAKindAndInTheReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	directories, err := filepath.Glob("../../alert/*/settings.go")
	if err != nil || len(directories) < 2 {
		t.Fatalf("want the packages of notifiers, got %v and %v", directories, err)
	}
	var names []string
	for _, kind := range kinds().Notifiers {
		names = append(names, kind.Name)
	}
	for _, directory := range directories {
		name := filepath.Base(filepath.Dir(directory))
		if !slices.Contains(names, name) {
			t.Errorf("alert/%s is not a kind of notifier: add its line to kinds.go", name)
		}
		if !strings.Contains(string(readme), "    "+name+":") {
			t.Errorf("the README's file with everything has no %s", name)
		}
	}
}

// TestEveryCommandIsInTheReadme compares the README's table of commands with the commands of the program.
func TestEveryCommandIsInTheReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range newRoot(process{}).Commands() {
		if command.Name() != "help" && !strings.Contains(string(readme), "| `"+command.Name()) {
			t.Errorf("the README's table has no line for %q", command.Name())
		}
	}
}
