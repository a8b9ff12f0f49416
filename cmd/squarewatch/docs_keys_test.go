package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v4"

	"squarewatch/config"
	"squarewatch/config/golden"
)

// TestTheKeysOfTheDocs compares the table of keys in docs/configuration.md with the schema.
func TestTheKeysOfTheDocs(t *testing.T) {
	text, err := config.Schema(kinds())
	if err != nil {
		t.Fatal(err)
	}
	var root jsonschema.Schema
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	table := keyTable{seen: map[string]bool{}}
	table.add(&root, "")
	golden.CheckSection(t, "../../docs/configuration.md", "keys",
		"| key | type | meaning | example |\n| --- | --- | --- | --- |\n"+table.rows.String(), *update)
}

// keyTable is a table of keys. A key that several kinds of notifiers have gets one row.
type keyTable struct {
	rows strings.Builder
	seen map[string]bool
}

// add adds the keys below a schema. In a path, "[]" is each item of a list, and NAME a name that the user chooses.
func (k *keyTable) add(s *jsonschema.Schema, path string) {
	if s == nil {
		return
	}
	for _, choice := range append(s.OneOf, s.AnyOf...) {
		k.add(choice, path)
	}
	k.add(s.Items, path+"[]")
	k.add(s.AdditionalProperties, path+".NAME")
	if s.Properties == nil {
		return
	}
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		below := strings.TrimPrefix(path+"."+pair.Key, ".")
		if !k.seen[below] {
			k.seen[below] = true
			example := ""
			if len(pair.Value.Examples) > 0 {
				example = "`" + asYAML(pair.Value.Examples[0]) + "`"
			}
			row := []string{"`" + below + "`", keyType(pair.Value), pair.Value.Description, example}
			for i := range row {
				row[i] = strings.ReplaceAll(row[i], "|", "\\|")
			}
			k.rows.WriteString("| " + strings.Join(row, " | ") + " |\n")
		}
		k.add(pair.Value, below)
	}
}

// keyType returns the type of a key in a word or two.
func keyType(s *jsonschema.Schema) string {
	switch {
	case s.AnyOf != nil && s.AnyOf[len(s.AnyOf)-1].Type == "array":
		return "value or list"
	case s.AnyOf != nil:
		return "share"
	case s.Type == "string" && s.Pattern != "":
		return "duration"
	case s.Type == "object":
		return "mapping"
	case s.Type == "array":
		return "list"
	case s.Type == "":
		return "any"
	}
	return s.Type
}

// asYAML returns a value as a person writes it in a configuration file.
func asYAML(value any) string {
	text, _ := json.Marshal(value) // the value was read from JSON, so this cannot fail. JSON is also YAML
	word, isText := value.(string)
	var plain any
	if isText && yaml.Unmarshal([]byte(word), &plain) == nil && plain == value {
		return word
	}
	return string(text)
}
