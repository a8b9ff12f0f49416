// Package secret holds values that must never be printed: API keys, webhook addresses, passwords.
//
// A [Text] keeps its value behind a pointer, because fmt and log/slog print the unexported fields of a struct without
// calling their methods: a hidden string would still come out in clear with %+v, a pointer comes out as an address.
package secret

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
)

// hidden is printed in the place of a value.
const hidden = "<hidden>"

// Text is a piece of text that cannot be printed. The zero value is no secret at all.
//
// A Text read from a file may hold references, ${env:NAME}, ${file:/path} or ${credential:NAME}, until [Text.Resolve]
// replaces them. When the whole text is one reference, that reference is what printing shows.
type Text struct { //nolint:recvcheck // reading changes it, printing takes it by value wherever it stands
	value  *string
	source string
	quoted *[]string // what its references stood for; nil until they are resolved
}

// New returns a secret with the given value.
func New(value string) Text { return Text{value: &value} }

// UnmarshalText reads the text as written, references unresolved. It never fails.
func (t *Text) UnmarshalText(text []byte) error {
	*t = New(string(text))
	return nil
}

// Reveal returns the value itself; call it only where the value leaves for its destination.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// Referenced returns the values that the text's references stood for: where a text need not be secret, they are.
func (t Text) Referenced() []string {
	if t.quoted == nil {
		return nil
	}
	return slices.Clone(*t.quoted)
}

// IsZero reports whether there is no secret.
func (t Text) IsZero() bool { return t.value == nil || *t.value == "" }

// Equal reports whether two secrets have the same value.
func (t Text) Equal(other Text) bool { return t.Reveal() == other.Reveal() }

// Reference names one place that a secret comes from: Kind is env, file or credential, Name what stands after the colon.
type Reference struct{ Kind, Name string }

// String returns the reference as it is written in a file.
func (r Reference) String() string { return fmt.Sprintf("${%s:%s}", r.Kind, r.Name) }

// referencePattern matches an escaped dollar, a reference, and anything else that begins with ${.
var referencePattern = regexp.MustCompile(`\$\$|\$\{(env|file|credential):([^}]+)\}|\$\{[^}]*\}?`)

// Resolve replaces every reference by what lookup returns for it, and $$ by a dollar. It reports how many references
// there were, so that a caller can warn of a secret that stands in the file in clear. A ${…} that is no reference is an error,
// as is a lookup that fails; the text is then left as it was. Errors never hold the value. A resolved text is not searched again: what a
// secret's value looks like has no meaning.
func (t *Text) Resolve(lookup func(Reference) (string, error)) (references int, err error) {
	if t.value == nil {
		return 0, nil
	}
	if t.quoted != nil {
		return len(*t.quoted), nil
	}
	raw := *t.value
	quoted := []string{}
	resolved := referencePattern.ReplaceAllStringFunc(raw, func(match string) string {
		if match == "$$" {
			return "$"
		}
		references++
		kind, name, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(match, "${"), "}"), ":")
		if !ok || name == "" || !strings.HasSuffix(match, "}") || !known(kind) {
			err = errors.New("a reference is malformed: write ${env:NAME}, ${file:/path} or ${credential:NAME}, and $$ for a dollar")
			return ""
		}
		value, failure := lookup(Reference{Kind: kind, Name: name})
		quoted = append(quoted, value)
		if failure != nil && err == nil {
			err = failure
		}
		return value
	})
	if err != nil {
		return references, err
	}
	source := ""
	if loc := referencePattern.FindStringIndex(raw); references == 1 && loc[0] == 0 && loc[1] == len(raw) {
		source = raw
	}
	*t = Text{value: &resolved, source: source, quoted: &quoted}
	return references, nil
}

func known(kind string) bool { return kind == "env" || kind == "file" || kind == "credential" }

// String returns the reference that the secret came from, or a fixed word; never the value.
func (t Text) String() string {
	switch {
	case t.IsZero():
		return ""
	case t.source != "":
		return t.source
	}
	return hidden
}

// GoString hides the value from %#v.
func (t Text) GoString() string { return t.String() }

// MarshalText hides the value from encoders.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// LogValue hides the value from log/slog.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }
