package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"squarewatch/alert/outbox"
	"squarewatch/probe"
)

// Kind is a kind of credential or notifier, with its own settings. T is the type that it builds.
type Kind[T any] struct {
	Name     string
	settings reflect.Type
	read     func(r *reader, node *yaml.Node, path string) Part[T]
}

// Part is a credential or notifier of the file.
type Part[T any] struct {
	Kind     string
	Settings any                      // those of the kind; printing them shows no secret
	Build    func(*Config) (T, error) // builds the credential or notifier
}

// NewKind returns a kind. The file overrides the defaults; build makes a T from the settings.
func NewKind[S, T any](name string, defaults S, build func(S, *Config) (T, error)) Kind[T] {
	return Kind[T]{
		Name:     name,
		settings: reflect.TypeFor[S](),
		read: func(r *reader, node *yaml.Node, path string) Part[T] {
			settings := defaults
			r.decode(node, path, &settings)
			return Part[T]{Kind: name, Settings: settings, Build: func(c *Config) (T, error) { return build(settings, c) }}
		},
	}
}

// Kinds lists the kinds that a file may name. The program makes the list; see cmd/squarewatch/kinds.go.
type Kinds struct {
	Credentials []Kind[probe.Credential] // the mapping of a credential is its settings; the key with the name of a kind chooses the kind
	Notifiers   []Kind[outbox.Notifier]  // the key with the name of the kind holds the settings
}

// Notifier is a notifier of the file.
type Notifier struct {
	Part[outbox.Notifier]

	GroupWait time.Duration // transitions of one rule this close together make one message
}

// defaultGroupWait is the group_wait of a notifier that has none.
const defaultGroupWait = 5 * time.Second

// choose returns the one kind whose key a mapping has. It records a fault and returns false when the mapping has no such key, or several.
func choose[T any](r *reader, node *yaml.Node, path string, kinds []Kind[T]) (Kind[T], bool) {
	var chosen []Kind[T]
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name)
		if child(node, k.Name) != nil {
			chosen = append(chosen, k)
		}
	}
	if len(chosen) == 1 {
		return chosen[0], true
	}
	if len(chosen) == 0 && node.Kind == yaml.MappingNode && len(node.Content) > 0 {
		key := node.Content[0]
		if near := nearest(key.Value, names); near != "" && near != key.Value {
			r.fault(key, path, fmt.Sprintf("unknown key %q: did you mean %q?", key.Value, near))
			return Kind[T]{}, false
		}
	}
	r.fault(node, path, "wants exactly one of these keys: "+strings.Join(names, ", "))
	return Kind[T]{}, false
}

// credentials reads the credentials section.
func (r *reader) credentials(kinds []Kind[probe.Credential], nodes map[string]yaml.Node) map[string]Part[probe.Credential] {
	parts := map[string]Part[probe.Credential]{}
	for _, name := range sortedKeys(nodes) {
		node, path := nodes[name], join("credentials", name)
		if name == probe.NoCredential {
			r.fault(&node, path, "a credential cannot be called none: probes use that word for no credential")
		}
		if kind, ok := choose(r, &node, path, kinds); ok {
			parts[name] = kind.read(r, &node, path)
		}
	}
	return parts
}

// notifiers reads the notifiers section.
func (r *reader) notifiers(kinds []Kind[outbox.Notifier], nodes map[string]yaml.Node) map[string]Notifier {
	parts := map[string]Notifier{}
	for _, name := range sortedKeys(nodes) {
		node, path := nodes[name], join("notifiers", name)
		kind, ok := choose(r, &node, path, kinds)
		if !ok {
			continue
		}
		common := struct {
			GroupWait time.Duration `yaml:"group_wait"`
		}{GroupWait: defaultGroupWait}
		own, rest := split(&node, kind.Name)
		r.decode(rest, path, &common)
		if common.GroupWait < 0 {
			r.fault(locate(rest, "group_wait"), join(path, "group_wait"), "is "+common.GroupWait.String()+"; write a duration of 0s or more")
		}
		parts[name] = Notifier{Part: kind.read(r, own, join(path, kind.Name)), GroupWait: common.GroupWait}
	}
	return parts
}

// split returns the value of a key, and the mapping without that key.
func split(node *yaml.Node, key string) (value, rest *yaml.Node) {
	without := *node
	without.Content = nil
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			value = node.Content[i+1]
			continue
		}
		without.Content = append(without.Content, node.Content[i], node.Content[i+1])
	}
	return value, &without
}
