// Package secret holds values that must never be printed: API keys, webhook addresses, passwords.
//
// A [Text] keeps its value behind a pointer, because fmt and log/slog print the unexported fields of a struct without
// calling their methods. With %+v an unexported string would be printed in clear; a pointer is printed as an address.
package secret

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
)

// hidden is printed instead of a value.
const hidden = "<hidden>"

// Text is a text that cannot be printed. The zero value holds no secret.
//
// A Text read from a file may hold references, ${env:NAME}, ${file:/path} or ${credential:NAME}, until [Text.Resolve]
// replaces them. When the whole text is one reference, printing shows that reference.
type Text struct { //nolint:recvcheck // reading changes it, printing needs value receivers
	value  *string
	source string
	quoted *[]string // the values of its references; nil until they are resolved
}

// New returns a secret with the given value.
func New(value string) Text { return Text{value: &value} }

// UnmarshalText reads the text as written, references unresolved. It never fails.
func (t *Text) UnmarshalText(text []byte) error {
	*t = New(string(text))
	return nil
}

// Reveal returns the value itself; call it only where the value is sent to its destination.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// Referenced returns the values of the text's references. They are secret even where the rest of the text is not.
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

// Reference names the source of a secret: Kind is env, file or credential, Name is the text after the colon.
type Reference struct{ Kind, Name string }

// String returns the reference as it is written in a file.
func (r Reference) String() string { return fmt.Sprintf("${%s:%s}", r.Kind, r.Name) }

// referencePattern matches an escaped dollar, a reference, and anything else that begins with ${.
var referencePattern = regexp.MustCompile(`\$\$|\$\{(env|file|credential):([^}]+)\}|\$\{[^}]*\}?`)

// Resolve replaces every reference by the result of lookup, and $$ by a dollar. It returns the number of references, so that a caller can
// warn when the file holds the secret itself. A malformed reference and a failed lookup are errors, which leave the text unchanged.
// Errors never hold the value. A resolved text is not searched again: references in a secret's value have no meaning.
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
		if !ok || name == "" || !strings.HasSuffix(match, "}") || !isKind(kind) {
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

func isKind(kind string) bool { return kind == "env" || kind == "file" || kind == "credential" }

// String returns the reference that the secret came from, or a fixed word, but never the value.
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
