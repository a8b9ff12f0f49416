package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v4"

	"squarewatch/alert"
	"squarewatch/config/secret"
	"squarewatch/config/setting"
	"squarewatch/probe"
)

// Schema returns the JSON schema of the file, for editors: of the sections, and of the kinds that the program has.
func Schema(kinds Kinds) ([]byte, error) {
	reflector := &jsonschema.Reflector{
		FieldNameTag: "yaml", DoNotReference: true, Anonymous: true, RequiredFromJSONSchemaTags: true, Mapper: textual,
	}
	root := reflector.Reflect(&file{})
	root.Title = "squarewatch configuration"
	root.Required = []string{"target"}
	root.Properties.Set("credentials", named(oneKind(reflector, kinds.Credentials, false)))
	root.Properties.Set("notifiers", named(oneKind(reflector, kinds.Notifiers, true)))
	oneOrList(root)
	if err := describe(root); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	return append(text, '\n'), nil
}

// oneOrList lets each list of scalars below a schema be one value too, as the reader does.
func oneOrList(s *jsonschema.Schema) {
	if s == nil {
		return
	}
	for _, below := range append(append([]*jsonschema.Schema{s.Items, s.AdditionalProperties}, s.OneOf...), s.AnyOf...) {
		oneOrList(below)
	}
	if s.Properties == nil {
		return
	}
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		oneOrList(pair.Value)
		if items := pair.Value.Items; pair.Value.Type == "array" && items != nil && items.Type != "object" {
			pair.Value = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{items, pair.Value}}
		}
	}
}

// textual describes the types that are written as one scalar, and those that the reflection of Go's types does not describe.
func textual(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[time.Duration]():
		const short, long = `-?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+`, `([0-9]+w([0-9]+d)?|[0-9]+d)([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?`
		return &jsonschema.Schema{Type: "string", Pattern: `^(` + short + `|` + long + `)$`, Examples: []any{"30s", "5m", "7d"}}
	case reflect.TypeFor[probe.Selector](), reflect.TypeFor[setting.Share](), reflect.TypeFor[alert.Locations]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}}}
	case reflect.TypeFor[secret.Text]():
		return &jsonschema.Schema{Type: "string", Examples: []any{"${credential:NAME}", "${file:/path}", "${env:NAME}"}}
	case reflect.TypeFor[Choice]():
		names := &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Type: "string"}}
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string", Enum: []any{"all", "none"}}, names}}
	case reflect.TypeFor[yaml.Node]():
		return &jsonschema.Schema{Type: "object"}
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return &jsonschema.Schema{Type: "string"}
	}
	return nil
}

// named is a mapping of names that the user chooses.
func named(value *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", AdditionalProperties: value}
}

// oneKind allows the settings of one kind: in the mapping itself, or nested in a key with the kind's name beside the common keys.
func oneKind[T any](reflector *jsonschema.Reflector, kinds []Kind[T], nested bool) *jsonschema.Schema {
	choice := &jsonschema.Schema{}
	for _, kind := range kinds {
		settings := reflector.ReflectFromType(kind.settings)
		settings.Version = ""
		if nested {
			properties := jsonschema.NewProperties()
			properties.Set(kind.Name, settings)
			properties.Set("group_wait", textual(reflect.TypeFor[time.Duration]()))
			settings = &jsonschema.Schema{Type: "object", Properties: properties, AdditionalProperties: jsonschema.FalseSchema}
		}
		settings.Required = []string{kind.Name}
		choice.OneOf = append(choice.OneOf, settings)
	}
	return choice
}
