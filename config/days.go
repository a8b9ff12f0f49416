package config

import (
	"fmt"
	"reflect"
	"regexp"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v4"
)

// inDays matches durations that Go does not read: with days or weeks.
var inDays = regexp.MustCompile(`^[0-9]+[dw]`)

// days rewrites durations such as 30d or 1d12h in a node to what Go reads, wherever a value of the type wants a duration.
// What is no such duration stays as it is, and is told by whoever decodes it.
func days(node *yaml.Node, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case node.Kind == yaml.DocumentNode:
		days(node.Content[0], t)
	case node.Kind == yaml.ScalarNode && t == reflect.TypeFor[time.Duration]():
		inHours(node)
	case node.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, item := range node.Content {
			days(item, t.Elem())
		}
	case node.Kind == yaml.MappingNode:
		daysOfMapping(node, t)
	}
}

// inHours rewrites one duration.
func inHours(node *yaml.Node) {
	if !inDays.MatchString(node.Value) {
		return
	}
	if d, err := ParseDuration(node.Value); err == nil {
		node.Value = d.String()
	}
}

// ParseDuration reads a duration as the file and the command line have it: as Go writes it (1h30m), or with days or weeks in front
// (30d, 1d12h).
func ParseDuration(text string) (time.Duration, error) {
	if inDays.MatchString(text) {
		if d, err := model.ParseDuration(text); err == nil {
			return time.Duration(d), nil
		}
	} else if d, err := time.ParseDuration(text); err == nil {
		return d, nil
	}
	return 0, fmt.Errorf("%q is no duration: write a number and its unit, for example 90s, 30m, 2h or 2d", text)
}

func daysOfMapping(node *yaml.Node, t reflect.Type) {
	fields := map[string]reflect.StructField{}
	if t.Kind() == reflect.Struct {
		fields = yamlFields(t)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		field, known := fields[node.Content[i].Value]
		switch {
		case known:
			days(node.Content[i+1], field.Type)
		case t.Kind() == reflect.Map:
			days(node.Content[i+1], t.Elem())
		}
	}
}
