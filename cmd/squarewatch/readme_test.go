package main

import (
	"os"
	"strings"
	"testing"

	"squarewatch/config"
)

// TestTheFilesThatWeShowAreGood loads every YAML block of the README, and the example that the package installs.
func TestTheFilesThatWeShowAreGood(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../deploy/squarewatch.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files := []string{string(example)}
	for _, block := range strings.Split(string(readme), "```yaml\n")[1:] {
		files = append(files, block[:strings.Index(block, "```")])
	}
	if len(files) < 3 {
		t.Fatalf("want the example and two blocks of the README, found %d files", len(files))
	}
	credentials := t.TempDir()
	for _, name := range []string{"aisquare-api-key", "aisquare-user", "aisquare-password", "slack-webhook"} {
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
	}
}

// TestEveryCommandIsInTheReadme holds the table of commands against the commands that there are.
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
