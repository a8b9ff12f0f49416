package config

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// TestYAMLMessages pins the messages of the YAML library that plainWords rewrites. When it fails after an upgrade of the library, adapt
// duplicateKey, wrongType and describeType to the new words.
func TestYAMLMessages(t *testing.T) {
	for text, want := range map[string]struct{ message, plain string }{
		"text: 1\ntext: 2": {`mapping key "text" already defined at line 1`, `the key "text" is there twice, first in line 1; keep one of them`},
		"number: many":     {"cannot construct !!str `many` into int", `is "many", but wants a whole number`},
		"share: much":      {"cannot construct !!str `much` into float64", `is "much", but wants a number`},
		"list: {a: b}":     {"cannot construct !!map into []string", "is a mapping, but wants a list, for example [a, b]"},
		"wait: soon":       {"cannot construct !!str `soon` into time.Duration", `is "soon", but wants a duration such as 30s, 5m or 4h`},
		"text: [a]":        {"cannot construct !!seq into string", "is a list, but wants a text"},
		"flag: 2":          {"cannot construct !!int `2` into bool", `is "2", but wants true or false`},
		"keys: a":          {"cannot construct !!str `a` into map[string]string", `is "a", but wants a mapping of keys to values`},
	} {
		var out struct {
			Text   string            `yaml:"text"`
			Number int               `yaml:"number"`
			Share  float64           `yaml:"share"`
			List   []string          `yaml:"list"`
			Wait   time.Duration     `yaml:"wait"`
			Flag   bool              `yaml:"flag"`
			Keys   map[string]string `yaml:"keys"`
		}
		var document yaml.Node
		if err := yaml.Load([]byte(text), &document); err != nil {
			t.Fatal(err)
		}
		err := document.Load(&out)
		all, ok := errors.AsType[*yaml.LoadErrors](err)
		if !ok || len(all.Errors) != 1 {
			t.Errorf("%s: want one fault in a *yaml.LoadErrors, got %T %v", text, err, err)
			continue
		}
		got := all.Errors[0]
		if got.Message != want.message || plainWords(got.Message) != want.plain || got.Mark.Line == 0 || got.Mark.Column == 0 {
			t.Errorf("%s: want %q, in plain words %q, with a place; got %q, %q at %d:%d",
				text, want.message, want.plain, got.Message, plainWords(got.Message), got.Mark.Line, got.Mark.Column)
		}
	}
}

// TestYAMLSyntaxErrors pins the error type of a file that is not YAML, from which syntax takes the place.
func TestYAMLSyntaxErrors(t *testing.T) {
	var document yaml.Node
	err := yaml.Load([]byte("a: [b\nc: d"), &document)
	if e, ok := errors.AsType[*yaml.LoadError](err); !ok || e.Mark.Line == 0 || e.Message == "" {
		t.Errorf("want a *yaml.LoadError with a message and a line, got %T %v", err, err)
	}
}

// TestUnquotedSchedules pins the messages of values that need quotes.
func TestUnquotedSchedules(t *testing.T) {
	for _, text := range []string{"schedule: @every 30s", "a: {schedule: @every 30s}", "schedule: */5 * * * *", "schedule: `x`"} {
		var document yaml.Node
		err := yaml.Load([]byte(text), &document)
		if e, ok := errors.AsType[*yaml.LoadError](err); !ok || !strings.Contains(syntaxHint(e, text), "in quotes") {
			t.Errorf("%s: want a hint to put it in quotes, got %v", text, err)
		}
	}
}
