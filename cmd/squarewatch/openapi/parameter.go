package openapi

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

var errNoExample = errors.New("has no example in the document")

// request is the request of an operation, with example values for its parameters.
type request struct {
	path    string
	query   []string // key=value, escaped
	headers map[string]string
}

// fill replaces the parameters in a path and adds the other required ones. Optional parameters are left out.
func fill(template string, item *openapi3.PathItem, operation *openapi3.Operation) (request, error) {
	r := request{path: template, headers: map[string]string{}}
	for _, p := range parameters(item, operation) {
		if !p.Required && p.In != openapi3.ParameterInPath {
			continue
		}
		if p.In == openapi3.ParameterInHeader && slices.Contains(ignored(), http.CanonicalHeaderKey(p.Name)) {
			continue
		}
		values, err := example(p)
		if err == nil {
			err = r.add(p, values)
		}
		if err != nil {
			return r, fmt.Errorf("the required %s parameter %q %w", shown(p.In), shown(p.Name), err)
		}
	}
	if strings.ContainsAny(r.path, "{}") {
		return r, errors.New("its path has a parameter that the document does not define")
	}
	return r, nil
}

// ignored returns the headers that a document cannot define as parameters:
// https://spec.openapis.org/oas/v3.1.1.html#common-fixed-fields-0 (name).
func ignored() []string { return []string{"Accept", "Content-Type", "Authorization"} }

// parameters returns the parameters of an operation, and then those of its path that the operation does not replace, in the order of the
// document.
func parameters(item *openapi3.PathItem, operation *openapi3.Operation) []*openapi3.Parameter {
	var all []*openapi3.Parameter
	seen := map[[2]string]bool{}
	for _, ref := range slices.Concat(operation.Parameters, item.Parameters) {
		if ref == nil || ref.Value == nil || seen[[2]string{ref.Value.In, ref.Value.Name}] {
			continue
		}
		seen[[2]string{ref.Value.In, ref.Value.Name}] = true
		all = append(all, ref.Value)
	}
	return all
}

// add puts the values of a parameter into the path, the query or the headers.
func (r *request) add(p *openapi3.Parameter, values []string) error {
	one := strings.Join(values, ",")
	switch p.In {
	case openapi3.ParameterInPath:
		if p.Style != "" && p.Style != openapi3.SerializationSimple {
			return fmt.Errorf("has the style %s, which is not supported", shown(p.Style))
		}
		if one == "" || one == "." || one == ".." {
			return fmt.Errorf("has the example %q, which would change the path", one)
		}
		r.path = strings.ReplaceAll(r.path, "{"+p.Name+"}", url.PathEscape(one))
	case openapi3.ParameterInQuery:
		if p.Style != "" && p.Style != openapi3.SerializationForm {
			return fmt.Errorf("has the style %s, which is not supported", shown(p.Style))
		}
		if p.Explode != nil && !*p.Explode {
			values = []string{one}
		}
		for _, value := range values {
			r.query = append(r.query, url.QueryEscape(p.Name)+"="+url.QueryEscape(value))
		}
	case openapi3.ParameterInHeader:
		r.headers[p.Name] = strings.ReplaceAll(one, "$", "$$")
	default:
		return errors.New("cannot be sent by squarewatch, which keeps no cookies")
	}
	return nil
}

// example returns the values of a parameter that the document gives: its example, its default, or the first that is allowed.
func example(p *openapi3.Parameter) ([]string, error) {
	candidates := []any{p.Example}
	candidates = append(candidates, firstExample(p.Examples)...)
	candidates = append(candidates, ofSchema(p.Schema)...)
	for _, name := range slices.Sorted(maps.Keys(p.Content)) {
		if content := p.Content[name]; content != nil {
			candidates = append(candidates, content.Example)
			candidates = append(candidates, firstExample(content.Examples)...)
		}
	}
	for _, candidate := range candidates {
		if candidate != nil {
			return texts(candidate)
		}
	}
	return nil, errNoExample
}

// firstExample returns the value of the first example by name.
func firstExample(examples openapi3.Examples) []any {
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		if ref := examples[name]; ref != nil && ref.Value != nil && ref.Value.Value != nil {
			return []any{ref.Value.Value}
		}
	}
	return nil
}

// ofSchema returns possible values of a schema, the best first.
func ofSchema(ref *openapi3.SchemaRef) []any {
	if ref == nil || ref.Value == nil {
		return nil
	}
	schema := ref.Value
	all := []any{schema.Const, schema.Example}
	all = append(all, schema.Examples...)
	all = append(all, schema.Default)
	all = append(all, schema.Enum...)
	if schema.Items != nil { // the example of an item also serves as a list of one item
		all = append(all, ofSchema(&openapi3.SchemaRef{Value: withoutItems(schema.Items.Value)})...)
	}
	return all
}

// withoutItems returns a copy of a schema without its items, since a schema may contain itself.
func withoutItems(schema *openapi3.Schema) *openapi3.Schema {
	if schema == nil {
		return nil
	}
	plain := *schema
	plain.Items = nil
	return &plain
}

// texts returns an example as it is sent. The example may be a text, a number, a bool, or a list of these.
func texts(value any) ([]string, error) {
	switch value := value.(type) {
	case string:
		return []string{value}, nil
	case bool:
		return []string{strconv.FormatBool(value)}, nil
	case float64:
		return []string{strconv.FormatFloat(value, 'f', -1, 64)}, nil
	case []any:
		all := make([]string, 0, len(value))
		for _, item := range value {
			if _, list := item.([]any); list {
				return nil, errors.New("has an example that is a list of lists")
			}
			text, err := texts(item)
			if err != nil {
				return nil, err
			}
			all = append(all, text...)
		}
		if len(all) == 0 {
			return nil, errNoExample
		}
		return all, nil
	}
	return nil, errors.New("has an example that is neither a text, a number nor a list")
}
