package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// join appends a field to a path.
func join(path, field string) string {
	switch {
	case path == "":
		return field
	case field == "":
		return path
	case field[0] == '[':
		return path + field
	}
	return path + "." + field
}

var pathStep = regexp.MustCompile(`[^.\[\]]+`)

// locate returns the node at a path below a node, or its nearest parent that exists.
func locate(node *yaml.Node, path string) *yaml.Node {
	if node != nil && node.Kind == yaml.DocumentNode {
		node = node.Content[0]
	}
	for _, step := range pathStep.FindAllString(path, -1) {
		next := child(node, step)
		if next == nil {
			return node
		}
		node = next
	}
	return node
}

// child returns the value of a key, or the item of an index.
func child(node *yaml.Node, step string) *yaml.Node {
	if node == nil {
		return nil
	}
	if index, err := strconv.Atoi(step); err == nil && node.Kind == yaml.SequenceNode && index < len(node.Content) {
		return node.Content[index]
	}
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == step {
			return node.Content[i+1]
		}
	}
	return nil
}

// pathAt returns the path of the node at a place of the file.
func pathAt(node *yaml.Node, path string, line, column int) (string, bool) {
	if node.Kind != yaml.DocumentNode && node.Line == line && node.Column == column && node.Kind == yaml.ScalarNode {
		return path, true
	}
	for i, c := range node.Content {
		below := path
		switch node.Kind { //nolint:exhaustive // the other kinds have no named children
		case yaml.SequenceNode:
			below = fmt.Sprintf("%s[%d]", path, i)
		case yaml.MappingNode:
			if i%2 == 0 {
				continue
			}
			below = join(path, node.Content[i-1].Value)
		default:
		}
		if found, ok := pathAt(c, below, line, column); ok {
			return found, true
		}
		if c.Kind != yaml.ScalarNode && c.Line == line && c.Column == column {
			return below, true
		}
	}
	return "", false
}

// cycle returns an alias inside its own anchor; nil when there is none. Every other function would not end for such a file.
func cycle(node *yaml.Node, above []*yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		if slices.Contains(above, node.Alias) {
			return node
		}
		return nil // its value is checked at the anchor
	}
	above = append(above, node)
	for _, child := range node.Content {
		if loop := cycle(child, above); loop != nil {
			return loop
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
