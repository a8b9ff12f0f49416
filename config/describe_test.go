package config_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"squarewatch/config"
)

// TestTheDescribedDefaultsAreTrue compares the defaults of descriptions.yaml with the effective configuration of a file that sets little.
func TestTheDescribedDefaultsAreTrue(t *testing.T) {
	const small = "target: https://api.aisquare.studio\nprobes: [{name: p, path: /}]\n" +
		"rules: [{name: r, on: [5xx]}, {name: o, on: [401], objective: 99%}]\n" +
		"notifiers: {NAME: {slack: {webhook_url: https://hooks.slack.com/services/T/B/X}}}\n"
	cfg, err := config.Parse("small.yaml", []byte(small), config.Options{Kinds: kinds()})
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	if err := config.Print(&printed, cfg); err != nil {
		t.Fatal(err)
	}
	var effective any
	if err := yaml.Unmarshal([]byte(printed.String()), &effective); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("descriptions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var described map[string]struct{ Default string }
	if err := yaml.Unmarshal(text, &described); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for path, d := range described {
		switch value := at(effective, path).(type) {
		case nil, map[string]any, []any:
		default:
			if strings.HasPrefix(d.Default, "defaults.") {
				d.Default = described[d.Default].Default
			}
			if got := fmt.Sprint(value); d.Default != "" && !strings.Contains(d.Default, got) {
				t.Errorf("%s: described as %q, and it is %q", path, d.Default, got)
			}
			compared++
		}
	}
	if compared < 20 {
		t.Errorf("want most defaults compared, got %d in\n%s", compared, printed.String())
	}
}

// at returns the value at a path, the first item of a list for "[]".
func at(value any, path string) any {
	for key := range strings.SplitSeq(strings.ReplaceAll(path, "[]", ".[]"), ".") {
		switch below := value.(type) {
		case map[string]any:
			value = below[key]
		case []any:
			value = below[0]
		default:
			return nil
		}
	}
	return value
}
