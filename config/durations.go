package config

import (
	"encoding"
	"reflect"
	"time"

	"go.yaml.in/yaml/v4"

	"squarewatch/config/setting"
)

// visit calls do for a node and all nodes below it, each with the type of the value that it holds, as far as types say.
func visit(node *yaml.Node, t reflect.Type, do func(*yaml.Node, reflect.Type)) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if node.Kind == yaml.DocumentNode {
		visit(node.Content[0], t, do)
		return
	}
	do(node, t)
	switch {
	case node.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, item := range node.Content {
			visit(item, t.Elem(), do)
		}
	case node.Kind == yaml.MappingNode:
		visitMapping(node, t, do)
	}
}

func visitMapping(node *yaml.Node, t reflect.Type, do func(*yaml.Node, reflect.Type)) {
	fields := map[string]reflect.StructField{}
	if t.Kind() == reflect.Struct {
		fields = yamlFields(t)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		field, known := fields[node.Content[i].Value]
		switch {
		case known:
			visit(node.Content[i+1], field.Type, do)
		case t.Kind() == reflect.Map:
			visit(node.Content[i+1], t.Elem(), do)
		}
	}
}

// expand rewrites what the YAML library does not read where a value of type t is wanted: durations such as 30d, and one value in the place
// of a list. It leaves anything else as it is, for the YAML library to refuse.
func expand(node *yaml.Node, t reflect.Type) {
	visit(node, t, func(node *yaml.Node, t reflect.Type) {
		switch {
		case node.Kind != yaml.ScalarNode:
		case t == reflect.TypeFor[time.Duration]():
			expandDuration(node)
		case t.Kind() == reflect.Slice && !readsText(t) && node.Tag != nullTag:
			only := *node
			*node = yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: only.Line, Column: only.Column, Content: []*yaml.Node{&only}}
		}
	})
}

// nullTag is the tag of a value that is left out, or is ~ or null.
const nullTag = "!!null"

// readsText reports whether values of a type are read from a scalar.
func readsText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) }

func expandDuration(node *yaml.Node) {
	if _, err := time.ParseDuration(node.Value); err == nil {
		return // the YAML library reads it
	}
	var d setting.Duration
	if d.UnmarshalText([]byte(node.Value)) == nil {
		node.Value = time.Duration(d).String()
	}
}

// shorten rewrites the durations in a node to the form that people write: 90d and not 2160h0m0s.
func shorten(node *yaml.Node, t reflect.Type) {
	visit(node, t, func(node *yaml.Node, t reflect.Type) {
		if node.Kind != yaml.ScalarNode || t != reflect.TypeFor[time.Duration]() {
			return
		}
		if d, err := time.ParseDuration(node.Value); err == nil {
			node.Value = setting.Duration(d).String()
		}
	})
}
