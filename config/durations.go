package config

import (
	"reflect"
	"time"

	"go.yaml.in/yaml/v4"

	"squarewatch/config/setting"
)

// expandDurations rewrites durations such as 30d in a node to what the YAML library reads, wherever a value of type t has a
// time.Duration. It leaves anything else as it is, for the YAML library to refuse.
func expandDurations(node *yaml.Node, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case node.Kind == yaml.DocumentNode:
		expandDurations(node.Content[0], t)
	case node.Kind == yaml.ScalarNode && t == reflect.TypeFor[time.Duration]():
		expandDuration(node)
	case node.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, item := range node.Content {
			expandDurations(item, t.Elem())
		}
	case node.Kind == yaml.MappingNode:
		expandMapping(node, t)
	}
}

func expandDuration(node *yaml.Node) {
	if _, err := time.ParseDuration(node.Value); err == nil {
		return // the YAML library reads it
	}
	var d setting.Duration
	if d.UnmarshalText([]byte(node.Value)) == nil {
		node.Value = d.String()
	}
}

func expandMapping(node *yaml.Node, t reflect.Type) {
	fields := map[string]reflect.StructField{}
	if t.Kind() == reflect.Struct {
		fields = yamlFields(t)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		field, known := fields[node.Content[i].Value]
		switch {
		case known:
			expandDurations(node.Content[i+1], field.Type)
		case t.Kind() == reflect.Map:
			expandDurations(node.Content[i+1], t.Elem())
		}
	}
}
