package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"squarewatch/config/secret"
	"squarewatch/config/setting"
	"squarewatch/probe/redact"
)

// reader decodes parts of one file and collects their faults and warnings.
type reader struct {
	file     string
	lookup   func(secret.Reference) (string, error)
	errors   Errors
	warnings []Warning
}

// fault adds an error at a node.
func (r *reader) fault(node *yaml.Node, path, problem string) {
	e := &Error{File: r.file, Path: cut(path), Problem: cut(problem)}
	if node != nil {
		e.Line, e.Column = node.Line, node.Column
	}
	r.errors = append(r.errors, e)
}

// warn adds a warning at a node.
func (r *reader) warn(node *yaml.Node, path, text string) {
	switch len(r.warnings) {
	case maxShown:
		r.warnings = append(r.warnings, Warning{File: r.file, Problem: "has more warnings, which are not shown; correct these first"})
	case maxShown + 1:
	default:
		r.warnings = append(r.warnings, Warning{File: r.file, Line: node.Line, Column: node.Column, Path: cut(path), Problem: cut(text)})
	}
}

// decode strictly decodes a node into out, resolves its secrets, and calls its Validate method. path is the path of the node. It continues
// after an error, to find all of them.
func (r *reader) decode(node *yaml.Node, path string, out any) {
	expand(node, reflect.TypeOf(out))
	if err := node.Load(out); err != nil {
		r.loadErrors(node, path, err)
	}
	r.walk(node, path, reflect.ValueOf(out).Elem(), false)
	if validator, ok := out.(interface{ Validate() error }); ok {
		r.invalid(node, path, validator.Validate())
	}
}

// loadErrors turns errors of the YAML library into faults in plain words.
func (r *reader) loadErrors(node *yaml.Node, path string, err error) {
	all, ok := errors.AsType[*yaml.LoadErrors](err)
	if !ok {
		r.fault(node, path, err.Error())
		return
	}
	for _, e := range all.Errors {
		at := &yaml.Node{Line: e.Mark.Line, Column: e.Mark.Column}
		where := path
		if found, ok := pathAt(node, path, e.Mark.Line, e.Mark.Column); ok {
			where = found
		}
		r.fault(at, where, plainWords(e.Message))
	}
}

var duplicateKey = regexp.MustCompile(`^mapping key (".*") already defined at line (\d+)$`)

var wrongType = regexp.MustCompile("^cannot construct !!(\\S+)(?: `(.*)`)? into (\\S+)$")

// plainWords rewrites messages of the YAML library that name types of Go.
func plainWords(message string) string {
	if twice := duplicateKey.FindStringSubmatch(message); twice != nil {
		return fmt.Sprintf("the key %s is there twice, first in line %s; keep one of them", twice[1], twice[2])
	}
	match := wrongType.FindStringSubmatch(message)
	if match == nil {
		return message
	}
	got := map[string]string{"map": "a mapping", "seq": "a list", "null": "nothing"}[match[1]]
	if got == "" {
		got = strconv.Quote(match[2])
	}
	return fmt.Sprintf("is %s, but wants %s", got, describeType(match[3]))
}

func describeType(goType string) string {
	switch {
	case goType == "time.Duration":
		return "a duration such as 30s, 5m or 4h"
	case goType == "bool":
		return "true or false"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"):
		return "a whole number"
	case strings.HasPrefix(goType, "float"):
		return "a number"
	case strings.HasPrefix(goType, "[]"):
		return "a list, for example [a, b]"
	case strings.HasPrefix(goType, "map["), strings.HasPrefix(goType, "*"):
		return "a mapping of keys to values"
	case goType == "string", goType == "probe.Connection", goType == "probe.Guard", goType == "alert.Per", goType == "alert.Severity":
		return "a text"
	}
	return "a mapping of keys to values"
}

// invalid turns the errors of a settings struct into faults at the places of its fields.
func (r *reader) invalid(node *yaml.Node, path string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			r.invalid(node, path, e)
		}
		return
	}
	fault, ok := errors.AsType[*setting.Invalid](err)
	if !ok {
		r.fault(node, path, err.Error())
		return
	}
	where := join(path, fault.Field)
	if r.reported(where) {
		return
	}
	problem := fault.Problem
	if fault.Fix != "" {
		problem += "; " + fault.Fix
	}
	r.fault(locate(node, fault.Field), where, problem)
}

// reported reports whether a value or a part of it has a fault already. A value that could not be read is empty, and a second fault for
// that would only repeat the first.
func (r *reader) reported(path string) bool {
	return slices.ContainsFunc(r.errors, func(e *Error) bool {
		rest, found := strings.CutPrefix(e.Path, path)
		return found && path != "" && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// walk compares a node with the value that was decoded from it: unknown keys are faults, secrets are resolved, and a reference outside a
// secret is a fault.
func (r *reader) walk(node *yaml.Node, path string, value reflect.Value, plain bool) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if text, ok := asText(value); ok {
		r.resolve(node, path, text, plain)
		return
	}
	for value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	switch {
	case node.Kind == yaml.DocumentNode:
		r.walk(node.Content[0], path, value, plain)
	case node.Kind == yaml.MappingNode && value.Kind() == reflect.Struct && !isText(value):
		r.walkStruct(node, path, value)
	case node.Kind == yaml.MappingNode && value.Kind() == reflect.Map:
		r.walkMap(node, path, value, plain)
	case node.Kind == yaml.SequenceNode && value.Kind() == reflect.Slice:
		r.walkList(node, path, value, plain)
	case node.Kind == yaml.ScalarNode:
		r.noReference(node, path)
	case value.Kind() != reflect.Struct || isText(value):
		r.walkFreeForm(node, path)
	}
}

func (r *reader) walkList(node *yaml.Node, path string, value reflect.Value, plain bool) {
	for i, item := range node.Content {
		if i < value.Len() {
			r.walk(item, fmt.Sprintf("%s[%d]", path, i), value.Index(i), plain)
		}
	}
}

// walkFreeForm walks values without a Go type, such as a body in JSON.
func (r *reader) walkFreeForm(node *yaml.Node, path string) {
	for i, child := range node.Content {
		if node.Kind == yaml.SequenceNode || i%2 == 1 {
			r.walk(child, path, reflect.Value{}, false)
		}
	}
}

func (r *reader) walkStruct(node *yaml.Node, path string, value reflect.Value) {
	fields := yamlFields(value.Type())
	for key, child := range entries(node) {
		field, known := fields[key.Value]
		if !known {
			r.unknownKey(key, path, sortedKeys(fields))
			continue
		}
		if value.FieldByIndex(field.Index).Type() == reflect.TypeFor[yaml.Node]() {
			continue // decoded later
		}
		r.walk(child, join(path, key.Value), value.FieldByIndex(field.Index), field.Tag.Get("secret") == "optional")
	}
}

func (r *reader) walkMap(node *yaml.Node, path string, value reflect.Value, plain bool) {
	for key, child := range entries(node) {
		item := value.MapIndex(reflect.ValueOf(key.Value).Convert(value.Type().Key()))
		if !item.IsValid() || item.Type() == reflect.TypeFor[yaml.Node]() {
			continue
		}
		changeable := reflect.New(item.Type()).Elem()
		changeable.Set(item)
		r.walk(child, join(path, key.Value), changeable, plain && !redact.SecretHeader(key.Value))
		value.SetMapIndex(reflect.ValueOf(key.Value).Convert(value.Type().Key()), changeable)
	}
}

// unknownKey adds a fault that suggests the nearest key, or lists all keys.
func (r *reader) unknownKey(key *yaml.Node, path string, known []string) {
	problem := fmt.Sprintf("unknown key %q", key.Value)
	if near := nearest(key.Value, known); near != "" {
		problem += fmt.Sprintf(": did you mean %q?", near)
	} else {
		problem += ": known here are " + strings.Join(known, ", ")
	}
	r.fault(key, path, problem)
}

// asText returns a value as a secret; false when it is not one.
func asText(value reflect.Value) (*secret.Text, bool) {
	if !value.IsValid() || value.Type() != reflect.TypeFor[secret.Text]() || !value.CanAddr() {
		return nil, false
	}
	return reflect.TypeAssert[*secret.Text](value.Addr())
}

// isText reports whether a struct is written as one scalar.
func isText(value reflect.Value) bool {
	_, ok := reflect.TypeAssert[encoding.TextUnmarshaler](reflect.New(value.Type()))
	return ok
}

// resolve replaces the references in a secret, and warns when the file holds the secret itself.
func (r *reader) resolve(node *yaml.Node, path string, text *secret.Text, plain bool) {
	references, err := text.Resolve(r.lookup)
	switch {
	case err != nil:
		r.fault(node, path, err.Error())
	case references == 0 && !text.IsZero() && !plain:
		r.warn(node, path, "the file holds a secret in clear; write ${credential:NAME}, ${file:/path} or ${env:NAME} instead")
	}
}

var looksLikeReference = regexp.MustCompile(`\$\{(env|file|credential):`)

// noReference refuses a reference where no secret is expected, since its value would be shown.
func (r *reader) noReference(node *yaml.Node, path string) {
	if looksLikeReference.MatchString(node.Value) {
		r.fault(node, path, "holds a reference, but references are read only in secrets (api_key, webhook_url, headers, body); "+
			"write the value itself")
	}
}

// yamlFields returns the fields of a struct by their keys.
func yamlFields(t reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if f.IsExported() && name != "" && name != "-" {
			fields[name] = f
		}
	}
	return fields
}

// nearest returns the known word that is most similar to the given one; empty when none is similar.
func nearest(word string, known []string) string {
	best, distance := "", len(word)/3+2
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), k); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// editDistance is the number of letters to change, insert or delete (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return slices.Max(row[len(b):])
}
