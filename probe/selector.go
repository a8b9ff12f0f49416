package probe

import (
	"fmt"
	"slices"
	"strings"
)

// Selector matches outcomes by a status code (500), a range (5xx), a class (timeout), or one of the sets transport and
// unexpected.
type Selector struct {
	text    string
	pattern pattern
}

// pattern is comparable, and so is a Selector: a reload compares settings.
type pattern struct {
	set      selectorSet
	low, top int
	class    Class
}

// Outcome is what a selector matches.
type Outcome struct {
	Class    Class
	Code     int
	Expected bool
}

// selectorSet is a named set of outcomes. To add one, add a constant, a name in setNames, and a case in match.
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

// ParseSelector reads a selector. An error lists what a selector can be.
func ParseSelector(text string) (Selector, error) {
	if p, ok := parseCode(text); ok {
		return Selector{text, p}, nil
	}
	var class Class
	if text != "" && class.UnmarshalText([]byte(text)) == nil {
		return Selector{text, pattern{class: class}}, nil
	}
	if i := slices.Index(setNames(), text); i >= 0 {
		return Selector{text, pattern{set: selectorSet(i + 1)}}, nil
	}
	return Selector{}, fmt.Errorf("%q is not a selector: write a code (500), a range (5xx), a class (%s), or a set (%s)",
		text, strings.Join(names(Classes()), ", "), strings.Join(setNames(), ", "))
}

// MustSelector is like ParseSelector and panics on an error. Use it for constants.
func MustSelector(text string) Selector {
	s, err := ParseSelector(text)
	if err != nil {
		panic(err)
	}
	return s
}

// parseCode reads 100 to 599 and 1xx to 5xx.
func parseCode(text string) (pattern, bool) {
	if len(text) != 3 || text[0] < '1' || text[0] > '5' {
		return pattern{}, false
	}
	hundred := int(text[0]-'0') * 100
	if text[1:] == "xx" {
		return pattern{low: hundred, top: hundred + 99}, true
	}
	tens, ones := text[1]-'0', text[2]-'0'
	if tens > 9 || ones > 9 {
		return pattern{}, false
	}
	code := hundred + int(tens)*10 + int(ones)
	return pattern{low: code, top: code}, true
}

// Match reports whether the selector matches the outcome. A status code or a range matches only a complete answer.
func (s Selector) Match(o Outcome) bool {
	switch {
	case s.pattern.low > 0:
		return !o.Class.IsTransport() && o.Code >= s.pattern.low && o.Code <= s.pattern.top
	case s.pattern.class != ClassNone:
		return o.Class == s.pattern.class
	}
	return s.pattern.set.match(o)
}

// MatchAny reports whether one of the selectors matches the outcome.
func MatchAny(selectors []Selector, o Outcome) bool {
	for _, s := range selectors {
		if s.Match(o) {
			return true
		}
	}
	return false
}

// String returns the text that was parsed.
func (s Selector) String() string { return s.text }

// MarshalText returns the text that was parsed.
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
