package config

import (
	_ "embed"
	"errors"
	"fmt"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v4"
)

//go:embed descriptions.yaml
var descriptions []byte

// description is what descriptions.yaml says about a key.
type description struct {
	Meaning string `yaml:"meaning"`
	Default string `yaml:"default"` // in words, or as the file would have it; empty for a key that must be there
	Example any    `yaml:"example"` // as the file would have it
}

// text returns the description as an editor shows it.
func (d *description) text() string {
	if d.Default == "" {
		return d.Meaning
	}
	return d.Meaning + " Default: " + d.Default + "."
}

// describe gives every key of a schema its description and its example. It returns an error that names the keys that lack one, and the
// descriptions that have no key.
func describe(root *jsonschema.Schema) error {
	var all map[string]*description
	if err := yaml.Unmarshal(descriptions, &all); err != nil {
		return fmt.Errorf("read descriptions.yaml: %w", err)
	}
	var faults []error
	described := map[string]bool{}
	eachKey(root, "", func(path string, key **jsonschema.Schema) {
		d := all[path]
		if d == nil || d.Meaning == "" {
			faults = append(faults, fmt.Errorf("the key %s has no description: write one into config/descriptions.yaml", path))
			return
		}
		described[path] = true
		if *key == jsonschema.TrueSchema {
			*key = &jsonschema.Schema{}
		}
		(*key).Description = d.text()
		if d.Example != nil {
			(*key).Examples = []any{d.Example}
		}
	})
	for path := range all {
		if !described[path] {
			faults = append(faults, fmt.Errorf("config/descriptions.yaml describes %s, and there is no such key", path))
		}
	}
	return errors.Join(faults...)
}

// eachKey calls visit with every key below a schema. In a path, "[]" is each item of a list, and NAME a name that the user chooses.
func eachKey(s *jsonschema.Schema, path string, visit func(path string, key **jsonschema.Schema)) {
	if s == nil {
		return
	}
	for _, choice := range append(s.OneOf, s.AnyOf...) {
		eachKey(choice, path, visit)
	}
	eachKey(s.Items, path+"[]", visit)
	eachKey(s.AdditionalProperties, path+".NAME", visit)
	if s.Properties == nil {
		return
	}
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		below := pair.Key
		if path != "" {
			below = path + "." + pair.Key
		}
		visit(below, &pair.Value)
		eachKey(pair.Value, below, visit)
	}
}
