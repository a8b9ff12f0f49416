package config

import (
	"fmt"
	"iter"
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

// entries returns the keys and values that a mapping has in the end: its own, and those of the mappings that << merges into it, unless a
// key is there already. So each value is seen once, at its place (https://yaml.org/type/merge.html).
func entries(node *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) { eachEntry(node, map[string]bool{}, yield) }
}

func eachEntry(node *yaml.Node, seen map[string]bool, yield func(key, value *yaml.Node) bool) bool {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind == yaml.SequenceNode { // <<: [*a, *b]
		return !slices.ContainsFunc(node.Content, func(merged *yaml.Node) bool { return !eachEntry(merged, seen, yield) })
	}
	var merged []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		switch {
		case isMerge(key):
			merged = append(merged, value)
		case seen[key.Value]:
		default:
			seen[key.Value] = true
			if !yield(key, value) {
				return false
			}
		}
	}
	return !slices.ContainsFunc(merged, func(m *yaml.Node) bool { return !eachEntry(m, seen, yield) })
}

// isMerge reports whether a key is the << of a merge, and not that text in quotes.
func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && key.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0
}

// maxNodes is how many values a file may have, with every alias written out. 10,000 probes have about 400,000.
const maxNodes = 1_000_000

// expands reports whether a file stays within maxNodes when its aliases are written out, and notes a fault when it does not. The file
// must have no cycle. Aliases that stand for aliases grow exponentially: https://en.wikipedia.org/wiki/Billion_laughs_attack.
func (r *reader) expands(document *yaml.Node) bool {
	sizes := map[*yaml.Node]int{}
	var size func(node *yaml.Node) int
	size = func(node *yaml.Node) int {
		if node.Kind == yaml.AliasNode {
			return size(node.Alias)
		}
		if known := sizes[node]; known > 0 {
			return known
		}
		sum := 1
		for _, child := range node.Content {
			sum = min(sum+size(child), maxNodes+1) // no overflow
		}
		sizes[node] = sum
		return sum
	}
	if size(document) <= maxNodes {
		return true
	}
	r.fault(document, "", fmt.Sprintf("has more than %d values when its aliases are written out; "+
		"use fewer aliases of aliases, or split it", maxNodes))
	return false
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
