package probe

import (
	"fmt"
	"slices"
	"strings"
)

// Selector picks outcomes: a status code (500), a range (5xx), a class (timeout), or one of the sets transport and unexpected.
type Selector struct {
	text string
	pick picker
}

// picker is comparable, so that a Selector is: settings are compared on reload.
type picker struct {
	set      selectorSet
	low, top int
	class    Class
}

// Outcome is what a selector looks at.
type Outcome struct {
	Class    Class
	Code     int
	Expected bool
}

// selectorSet is a named set of outcomes. To add one: a constant, a name, a case in match.
type selectorSet uint8

const (
	setNone selectorSet = iota
	setTransport
	setUnexpected
)

func setNames() []string {
	return []string{setTransport - 1: "transport", setUnexpected - 1: "unexpected"}
}

func (s selectorSet) match(o Outcome) bool {
	switch s {
	case setTransport:
		return o.Class.IsTransport()
	case setUnexpected:
		return !o.Expected && o.Class != ClassNone
	case setNone:
	}
	return false
}

// ParseSelector reads a selector as a user writes it.
func ParseSelector(text string) (Selector, error) {
	if p, ok := parseCode(text); ok {
		return Selector{text, p}, nil
	}
	var class Class
	if text != "" && class.UnmarshalText([]byte(text)) == nil {
		return Selector{text, picker{class: class}}, nil
	}
	if i := slices.Index(setNames(), text); i >= 0 {
		return Selector{text, picker{set: selectorSet(i + 1)}}, nil
	}
	return Selector{}, fmt.Errorf("%q selects nothing: write a code (500), a range (5xx), a class (%s), or a set (%s)",
		text, strings.Join(names(Classes()), ", "), strings.Join(setNames(), ", "))
}

// MustSelector is ParseSelector for texts known to be right; it panics on any other.
func MustSelector(text string) Selector {
	s, err := ParseSelector(text)
	if err != nil {
		panic(err)
	}
	return s
}

// parseCode reads 100 to 599 and 1xx to 5xx.
func parseCode(text string) (picker, bool) {
	if len(text) != 3 || text[0] < '1' || text[0] > '5' {
		return picker{}, false
	}
	hundred := int(text[0]-'0') * 100
	if text[1:] == "xx" {
		return picker{low: hundred, top: hundred + 99}, true
	}
	tens, ones := text[1]-'0', text[2]-'0'
	if tens > 9 || ones > 9 {
		return picker{}, false
	}
	code := hundred + int(tens)*10 + int(ones)
	return picker{low: code, top: code}, true
}

// Match reports whether the selector picks the outcome. A status code picks only outcomes that have one.
func (s Selector) Match(o Outcome) bool {
	switch {
	case s.pick.low > 0:
		return !o.Class.IsTransport() && o.Code >= s.pick.low && o.Code <= s.pick.top
	case s.pick.class != ClassNone:
		return o.Class == s.pick.class
	}
	return s.pick.set.match(o)
}

// MatchAny reports whether one of the selectors picks the outcome.
func MatchAny(selectors []Selector, o Outcome) bool {
	for _, s := range selectors {
		if s.Match(o) {
			return true
		}
	}
	return false
}

// String returns the selector as it was written.
func (s Selector) String() string { return s.text }

// MarshalText returns the selector as it was written.
func (s Selector) MarshalText() ([]byte, error) { return []byte(s.text), nil }

// UnmarshalText reads a selector; see [ParseSelector].
func (s *Selector) UnmarshalText(text []byte) error {
	parsed, err := ParseSelector(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

func names(classes []Class) []string {
	all := make([]string, 0, len(classes))
	for _, c := range classes {
		all = append(all, c.String())
	}
	return all
}
