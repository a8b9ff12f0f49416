package main

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"squarewatch/alert/slack/slackstub"
	"squarewatch/config/golden"
	"squarewatch/probe/aisquaretest"
)

// shapeOf returns what a value of JSON looks like: its keys, and the kinds of its values.
func shapeOf(value any) any {
	switch v := value.(type) {
	case map[string]any:
		shape := map[string]any{}
		for key, below := range v {
			if key == "missed_reasons" { // its keys are the reasons that occurred; there are more on a busy machine
				shape[key] = "numbers by reason"
				continue
			}
			shape[key] = shapeOf(below)
		}
		return shape
	case []any:
		var one any
		for _, below := range v {
			one = joined(one, shapeOf(below))
		}
		if one == nil {
			return []any{}
		}
		return []any{one}
	case string:
		return "text"
	case float64:
		return "number"
	case bool:
		return "true or false"
	}
	return "null"
}

// joined returns the shape that covers the values of both shapes.
func joined(a, b any) any {
	if a == nil || b == nil {
		return firstOf(a, b)
	}
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			both := maps.Clone(x)
			for key, shape := range y {
				both[key] = joined(both[key], shape)
			}
			return both
		}
	case []any:
		switch y, ok := b.([]any); {
		case !ok:
		case len(x) == 0 || len(y) == 0:
			return append(x, y...)
		default:
			return []any{joined(x[0], y[0])}
		}
	case string:
		if y, ok := b.(string); ok {
			kinds := append(strings.Split(x, ", or "), strings.Split(y, ", or ")...)
			slices.Sort(kinds)
			return strings.Join(slices.Compact(kinds), ", or ")
		}
	}
	return "several kinds"
}

func firstOf(a, b any) any {
	if a != nil {
		return a
	}
	return b
}

// checkShape compares the shape of what a command printed with a golden file. A command may print several values.
func checkShape(t *testing.T, name, printed string) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(printed))
	var shape any
	for {
		var value any
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v in\n%s", name, err, printed)
		}
		shape = joined(shape, shapeOf(value))
	}
	text, err := json.MarshalIndent(shape, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, filepath.Join("testdata/json", strings.ReplaceAll(name, " ", "-")+".golden"), string(text)+"\n", *update)
}

// TestTheShapeOfEveryJSON runs every command that has --json, beside a daemon with one firing incident.
func TestTheShapeOfEveryJSON(t *testing.T) {
	api := aisquaretest.New(aisquaretest.Options{})
	api.SetFault("/broken/", aisquaretest.Fault{Status: 503, Body: `{"detail": "down for repair"}`})
	target := aisquaretest.Start(api)
	defer target.Close()
	slack := slackstub.New()
	defer slack.Close()
	l := newLiveOf(t, target.URL, `
catalogue: [reach]
defaults: {schedule: "@every 1s"}
probes: [{name: broken, path: /broken/}]
rules:
  - {name: server-errors, on: [5xx], window: 1m, min_runs: 3}
  - {name: budget, on: [5xx], objective: 99%, period: 7d}
notifiers: {ops: {slack: {webhook_url: "`+slack.Webhook()+`"}, group_wait: 0s}}
`)
	l = l.reloadable(t)
	document, copied := filepath.Join(t.TempDir(), "openapi.yaml"), filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(document, []byte(`openapi: 3.1.0
info: {title: Pets, version: "1"}
servers: [{url: "https://api.example.org"}]
paths: {/pets: {get: {responses: {"200": {description: ok}}}}, "/pets/{id}": {get: {responses: {"200": {description: ok}}}}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for ticker := time.NewTicker(50 * time.Millisecond); len(slack.Messages()) == 0; <-ticker.C {
		if t.Context().Err() != nil {
			t.Fatal("want a message to Slack about the broken probe, got none")
		}
	}
	_, added := l.squarewatch("silence", "add", "--json", "--rule", "server-errors", "--for", "2h", "--by", "me", "--comment", "why")
	var silence struct{ ID string }
	if err := json.Unmarshal([]byte(added), &silence); err != nil || silence.ID == "" {
		t.Fatalf("want a silence, got %v: %s", err, added)
	}
	incident := regexp.MustCompile(`incident ([0-9a-f]{12})`).FindStringSubmatch(slack.Messages()[0].Blocks)
	if incident == nil {
		t.Fatalf("want the ID of the incident in its message, got %s", slack.Messages()[0].Blocks)
	}
	tested := map[string]bool{"silence add": true}
	checkShape(t, "silence add", added)
	for _, c := range []struct {
		command string
		args    []string
		status  int
	}{
		{"status", nil, exitFailed},
		{"check", []string{"--live"}, exitOK},
		{"probe", []string{"reach", "broken"}, exitFailed},
		{"notify", []string{"ops"}, exitOK},
		{"acknowledge", incident[1:], exitOK},
		{"silence list", nil, exitOK},
		{"silence remove", []string{silence.ID}, exitOK},
		{"reload", nil, exitOK},
		{"backtest", []string{"--since", "1h"}, exitOK},
		{"report", []string{"--since", "1h"}, exitOK},
		{"copy", []string{copied}, exitOK},
		{"rules", nil, exitOK},
		{"import openapi", []string{document}, exitOK},
		{"version", nil, exitOK},
	} {
		tested[c.command] = true
		status, printed := l.squarewatch(append(append(strings.Fields(c.command), c.args...), "--json")...)
		_, printed, _ = strings.Cut("\n"+printed, "\n{") // warnings on standard error come first
		printed = "{" + printed
		if status != c.status {
			t.Errorf("%s: want status %d, got %d: %s", c.command, c.status, status, printed)
		}
		checkShape(t, c.command, printed)
	}
	for _, name := range commandsWithJSON(newRoot(process{}), "") {
		if !tested[name] {
			t.Errorf("%s --json is not tested", name)
		}
	}
}

// commandsWithJSON returns the commands that have --json, by their names below a command.
func commandsWithJSON(cmd *cobra.Command, path string) (list []string) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "json" {
			list = append(list, path)
		}
	})
	for _, below := range cmd.Commands() {
		list = append(list, commandsWithJSON(below, strings.TrimSpace(path+" "+below.Name()))...)
	}
	return list
}
