package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"
)

const (
	// MaxSize is the largest size of a document, in bytes. GitHub's document, one of the largest public ones, has 13 MB.
	MaxSize = 32 << 20
	// maxDepth limits how deep mappings and lists are nested.
	maxDepth = 200
	// maxNodes limits how many values a document has when its aliases are written out.
	maxNodes = 4_000_000
)

var (
	errTooDeep  = fmt.Errorf("its mappings and lists are nested more than %d levels deep", maxDepth)
	errTooLarge = fmt.Errorf("it has more than %d values when its YAML aliases are written out", maxNodes)
	errTooLong  = fmt.Errorf("it is larger than %d MiB", MaxSize>>20)
)

// asJSON returns a document as JSON, whether it is written in JSON or in YAML. It refuses a document that would take too much memory or
// stack, even if it is small and only its YAML aliases make it large.
func asJSON(data []byte) ([]byte, error) {
	if len(data) > MaxSize {
		return nil, errTooLong
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("it is empty")
	}
	if json.Valid(data) {
		return data, checkDepth(data)
	}
	var document yaml.Node
	if err := yaml.Load(data, &document); err != nil {
		return nil, errors.New("it is neither JSON nor YAML: " + shown(err.Error()))
	}
	converter := converter{left: maxNodes}
	value, err := converter.value(&document, 0)
	if err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

// checkDepth returns an error for valid JSON that is nested too deep.
func checkDepth(data []byte) error {
	decoder, depth := json.NewDecoder(bytes.NewReader(data)), 0
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read it as JSON: %w", err)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxDepth {
				return errTooDeep
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

// converter turns YAML nodes into values for JSON.
type converter struct{ left int } // how many more values the document may have

func (c *converter) value(node *yaml.Node, depth int) (any, error) {
	if c.left--; c.left < 0 {
		return nil, errTooLarge
	}
	if depth > maxDepth {
		return nil, errTooDeep // an alias that contains itself ends here too
	}
	switch node.Kind { //nolint:exhaustive // every other kind is a scalar
	case yaml.DocumentNode:
		return c.value(node.Content[0], depth)
	case yaml.AliasNode:
		return c.value(node.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for _, item := range node.Content {
			value, err := c.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case yaml.MappingNode:
		return c.mapping(node, depth)
	default:
		return scalar(node), nil
	}
}

// mapping converts a mapping. The merge key of YAML 1.1, <<, adds the fields of another mapping and replaces none.
func (c *converter) mapping(node *yaml.Node, depth int) (map[string]any, error) {
	all, merged := map[string]any{}, []any{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, child := node.Content[i], node.Content[i+1]
		value, err := c.value(child, depth+1)
		if err != nil {
			return nil, err
		}
		switch key.Value {
		case "<<":
			merged = append(merged, value)
		case "version", "openapi", "swagger", "title": // always text, even if the author forgot the quotes, as in version: 1.0
			if child.Kind == yaml.ScalarNode {
				value = child.Value
			}
			all[key.Value] = value
		default:
			all[key.Value] = value
		}
	}
	for _, value := range merged {
		merge(all, value)
	}
	return all, nil
}

// merge adds to a mapping the fields that it does not have. The fields come from value: a mapping, or a list of mappings.
func merge(into map[string]any, value any) {
	switch value := value.(type) {
	case map[string]any:
		for key, field := range value {
			if _, has := into[key]; !has {
				into[key] = field
			}
		}
	case []any:
		for _, item := range value {
			merge(into, item)
		}
	}
}

// scalar returns a text, a number, a bool or null. A date remains a text.
func scalar(node *yaml.Node) any {
	var value any
	switch node.ShortTag() {
	case "!!int", "!!float", "!!bool", "!!null":
		if err := node.Load(&value); err == nil {
			if _, err := json.Marshal(value); err == nil { // JSON has no .inf and no .nan
				return value
			}
		}
	}
	return node.Value
}
