package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"squarewatch/config"
)

// wholeFile adds to a block of YAML the sections that it leaves out: target, probes, a credential and a notifier.
func wholeFile(block string) string {
	for _, part := range []struct{ section, text string }{
		{"target", "target: https://api.aisquare.studio"},
		{"catalogue", "catalogue: all"},
		{"studio", "studio: ai-research-studio"},
		{"credentials", `credentials: {partner: {api_key: "${credential:aisquare-api-key}"}}`},
		{"notifiers", `notifiers: {ops: {slack: {webhook_url: "${credential:slack-webhook}"}}}`},
	} {
		if !regexp.MustCompile(`(?m)^` + part.section + `:`).MatchString(block) {
			block = part.text + "\n" + block
		}
	}
	return block
}

// TestEveryYAMLOfTheDocsIsValid loads the example that the package installs, and every YAML block of the README and of docs as a person
// would use it. None of them leaves 5xx or 401 uncounted.
func TestEveryYAMLOfTheDocsIsValid(t *testing.T) {
	example, err := os.ReadFile("../../deploy/squarewatch.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]string{"deploy/squarewatch.example.yaml": {string(example)}}
	for path, text := range docPages(t) {
		files[path] = docBlocks(text, "yaml")
	}
	credentials := t.TempDir()
	for _, name := range []string{
		"aisquare-api-key", "aisquare-user", "aisquare-password", "slack-webhook", "slack-webhook-phone", "slack-bot-token", "web-token",
		"otlp-authorization", "heartbeat-url",
	} {
		if err := os.WriteFile(credentials+"/"+name, []byte("https://hooks.example.org/x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	blocks := 0
	for path, shown := range files {
		for _, block := range shown {
			blocks++
			if err := loadShown(wholeFile(block), credentials); err != nil {
				t.Errorf("%s: %v\nin:\n%s", path, err, block)
			}
		}
	}
	if blocks < 15 {
		t.Errorf("want the blocks of all pages, found %d", blocks)
	}
}

// loadShown reads a file as the daemon does. A warning that answers are not counted is an error too.
func loadShown(file, credentials string) error {
	cfg, err := config.Parse("shown.yaml", []byte(file), config.Options{Kinds: kinds(), CredentialsDirectory: credentials})
	if err != nil {
		return err
	}
	for _, warning := range cfg.Warnings {
		if strings.Contains(warning.String(), "no rule counts") {
			return errors.New(warning.String())
		}
	}
	return buildable(cfg)
}

// TestEveryNotifierIsAKindAndInTheDocs checks that kinds.go and docs/configuration.md name every package of a notifier.
func TestEveryNotifierIsAKindAndInTheDocs(t *testing.T) {
	page := docPages(t)["docs/configuration.md"]
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
		if !strings.Contains(page, "    "+name+":") {
			t.Errorf("the file with everything in docs/configuration.md has no %s", name)
		}
	}
}
