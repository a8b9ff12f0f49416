package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/cmd/squarewatch/initialize"
	"squarewatch/config"
	"squarewatch/config/golden"
	"squarewatch/probe/aisquaretest"
)

// TestFirstFilesAreValid writes the files of some answers. Each must be valid and begin with the line that names the schema to editors.
func TestFirstFilesAreValid(t *testing.T) {
	reference := func(name string) initialize.Secret { return initialize.Secret{Reference: "${env:" + name + "}"} }
	for name, answers := range map[string]initialize.Answers{
		"nothing": {Target: initialize.DefaultTarget, Studio: initialize.None, Collector: initialize.None},
		"key-and-webhook": {
			Target: initialize.DefaultTarget, Studio: "ai-research-studio", APIKey: reference("KEY"), SlackWebhook: reference("WEBHOOK"),
			Collector: "http://127.0.0.1:4317", StateDir: "/var/lib/squarewatch",
		},
		"login-and-bot": {
			Target: "https://staging.example.org", Studio: "ai-research-studio",
			Username: reference("USERNAME"), Password: reference("PASSWORD"),
			BotToken: reference("BOT"), Channel: "#alerts", Collector: "http://127.0.0.1:4318",
		},
	} {
		text := answers.Text()
		golden.Check(t, filepath.Join("testdata/init", name+".yaml"), text, *update)
		if !strings.HasPrefix(text, "# yaml-language-server: $schema="+initialize.SchemaFile+"\n") {
			t.Errorf("%s: want the schema's line first, got\n%s", name, text)
		}
		environ := func(name string) (string, bool) {
			value, ok := map[string]string{
				"KEY": "k", "USERNAME": "u", "PASSWORD": "p", "WEBHOOK": "https://hooks.slack.com/services/T0/B0/x", "BOT": "xoxb-1",
			}[name]
			return value, ok
		}
		cfg, err := config.Parse(name, []byte(text), config.Options{Kinds: kinds(), Environ: environ})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := buildable(cfg); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestInitAtATerminal answers every question. The first answers to two of them are wrong. No secret is shown, and the file is valid.
func TestInitAtATerminal(t *testing.T) {
	api := aisquaretest.Start(aisquaretest.New(aisquaretest.Options{}))
	defer api.Close()
	slack := slackstub.New()
	defer slack.Close()
	directory := t.TempDir()
	x := startTerminal(t, directory, 500, nil, "init", "--config", "sw.yaml")
	for _, dialogue := range [][2]string{
		{"Address of the API", "http://127.0.0.1:1"},
		{"your studio", "ai-research-studio"},
		{"target 127.0.0.1:1: FAILS: ", ""},
		{"Answer again? [Y/n]", ""},
		{"Address of the API", api.URL},
		{"your studio", "ai-research-studio"},
		{": works: connected to ", ""},
		{"or none [key]", "password"},
		{"or none [key]", ""},
		{"API key, or", "hush-wrong"},
		{"credential aisquare: FAILS: ", ""},
		{"Answer again? [Y/n]", "y"},
		{"or none [key]", "key"},
		{"API key, or", aisquaretest.DefaultKey},
		{"credential aisquare: works: ", ""},
		{"or none [webhook]", "webhook"},
		{"Address of the incoming webhook", slack.Webhook()},
		{"notifier ops (slack): works: ", ""},
		{"OTLP collector", "none"},
		{"collector: not asked: ", ""},
		{"Create the directory", "y"},
		{"Send a test message to Slack? [y/N]", "y"},
		{"ops: Slack accepted it", ""},
	} {
		if strings.HasSuffix(dialogue[0], ": ") || strings.Contains(dialogue[0], "works") || strings.Contains(dialogue[0], "accepted") {
			x.expect(dialogue[0])
			continue
		}
		x.answer(dialogue[0], dialogue[1])
	}
	shown, err := x.wait()
	if err != nil || !strings.Contains(shown, "Wrote ") || !strings.Contains(shown, "squarewatch check --config ") {
		t.Fatalf("want the file written and the next command, got %v and\n%s", err, shown)
	}
	for _, secret := range []string{"hush-wrong", aisquaretest.DefaultKey, slack.Webhook()} {
		if strings.Contains(shown, secret) {
			t.Errorf("the terminal shows a secret:\n%s", shown)
		}
	}
	dialogue := strings.ReplaceAll(shown, directory, "DIRECTORY")
	dialogue = regexp.MustCompile(`127\.0\.0\.1:[0-9]{2,}`).ReplaceAllString(dialogue, "127.0.0.1:PORT")
	golden.Check(t, "testdata/init/dialogue.golden", regexp.MustCompile(`[0-9.]+ ms`).ReplaceAllString(dialogue, "1 ms"), *update)
	if len(slack.Messages()) != 1 {
		t.Errorf("want one test message, got %d", len(slack.Messages()))
	}
	x = startTerminal(t, directory, 500, nil, "check", "--config", "sw.yaml")
	if shown, err := x.wait(); err != nil {
		t.Errorf("%v: %s", err, shown)
	}
}
