package initialize_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"squarewatch/cmd/squarewatch/initialize"
)

func TestParseReference(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "none": "", "env:KEY": "${env:KEY}", "${file:/run/key}": "${file:/run/key}", "credential:key": "${credential:key}",
	} {
		if got, err := initialize.ParseReference(text); err != nil || got.Reference != want {
			t.Errorf("%q: got %q and %v, want %q", text, got.Reference, err, want)
		}
	}
	for _, text := range []string{"sk-hush", "env:", "vault:hush", "env:hush hush"} {
		if _, err := initialize.ParseReference(text); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: got %v, want a refusal that does not repeat the text", text, err)
		}
	}
}

func TestTextKeepsItsShape(t *testing.T) {
	hostile := "x\"\nprobes: []\n# ${env:HOME} <&> \u2028"
	answers := initialize.Answers{Target: hostile, Studio: hostile, Collector: hostile, StateDir: hostile, Channel: hostile}
	answers.BotToken.Reference = "${env:BOT}"
	var got struct {
		Target   string         `yaml:"target"`
		Studio   string         `yaml:"studio"`
		StateDir string         `yaml:"state_dir"`
		Rest     map[string]any `yaml:",inline"`
	}
	if err := yaml.Load([]byte(answers.Text()), &got); err != nil {
		t.Fatalf("%v in\n%s", err, answers.Text())
	}
	if got.Target != hostile || got.Studio != hostile || got.StateDir != hostile || got.Rest["probes"] != nil {
		t.Errorf("got %+v of\n%s", got, answers.Text())
	}
}

// TestSettleProtocol has addresses that show the protocol of a collector, and addresses that do not.
func TestSettleProtocol(t *testing.T) {
	for _, row := range []struct{ collector, speaks, want string }{
		{"http://127.0.0.1:4317", "http/protobuf", "grpc"}, // a wrong answer, which the test of the answers reports
		{"http://127.0.0.1:4318", "http/protobuf", "http/protobuf"},
		{"http://127.0.0.1:5318", "http/protobuf", "http/protobuf"},
		{"http://127.0.0.1:5318", "grpc", "grpc"},
		{"http://127.0.0.1:5318", "none of them", "grpc"},
		{"https://otlp.example.org/otlp", "http/protobuf", "http/protobuf"},
	} {
		answers := initialize.Answers{Collector: row.collector}
		answers.SettleProtocol(func() bool { return strings.Contains(answers.Text(), `protocol: "`+row.speaks+`"`) })
		if want := `protocol: "` + row.want + `"`; !strings.Contains(answers.Text(), want) {
			t.Errorf("%s, which speaks %s: want %s in\n%s", row.collector, row.speaks, want, answers.Text())
		}
	}
}

// script answers questions by a part of their text.
type script map[string]string

func (s script) Line(_ context.Context, question string) (string, error) {
	for part, answer := range s {
		if strings.Contains(question, part) {
			return answer, nil
		}
	}
	return "", errors.New("no answer to " + question)
}

func (s script) Secret(ctx context.Context, question string) (string, error) {
	return s.Line(ctx, question)
}

// TestSaveWritesAllOrNothing checks that no secret stays behind when the file cannot be written.
func TestSaveWritesAllOrNothing(t *testing.T) {
	directory := t.TempDir()
	secrets, path := filepath.Join(directory, "secrets"), filepath.Join(directory, "sw.yaml")
	var answers initialize.Answers
	person := script{
		"API key, or": "hush", "Credential": "key",
		"Slack": "none", "Create": "", "collector": "", "of the API": "", "studio": "",
	}
	if err := answers.Ask(t.Context(), initialize.Interview{Terminal: person, Directory: secrets}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(answers.Text(), "hush") {
		t.Errorf("the file holds the secret:\n%s", answers.Text())
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := answers.Save(path); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("got %v, want a refusal to overwrite", err)
	}
	if left, err := os.ReadDir(secrets); err != nil || len(left) > 0 {
		t.Errorf("secrets are left: %v, %v", left, err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
		t.Errorf("the file is %q, %v", text, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := answers.Save(path); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(secrets, "aisquare-api-key")); err != nil || string(text) != "hush\n" {
		t.Errorf("the secret is %q, %v", text, err)
	}
}

func TestNothingIsWrittenWithoutConsentToTheDirectory(t *testing.T) {
	var answers initialize.Answers
	directory := filepath.Join(t.TempDir(), "secrets")
	person := script{
		"API key, or": "hush", "Credential": "key",
		"Slack": "none", "Create": "n", "collector": "", "of the API": "", "studio": "",
	}
	err := answers.Ask(t.Context(), initialize.Interview{Terminal: person, Directory: directory})
	if err == nil || !strings.Contains(err.Error(), "nothing is written") {
		t.Errorf("got %v, want that nothing is written", err)
	}
	if _, err := os.Stat(directory); err == nil {
		t.Error("the directory was made")
	}
}
