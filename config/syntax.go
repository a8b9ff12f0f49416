package config

import (
	"errors"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// syntax adds the fault of a file that is not YAML, with the line where the parser stopped.
func (r *reader) syntax(data []byte, err error) {
	e, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		r.fault(nil, "", "is not YAML: "+err.Error())
		return
	}
	line := lineOf(data, e.Mark.Line)
	text := "is not YAML: " + e.Message + syntaxHint(e, line)
	if shown := withoutSecret(line); shown != "" {
		text += "; the line is: " + shown
	}
	r.fault(&yaml.Node{Line: e.Mark.Line, Column: e.Mark.Column}, "", text)
}

// lineOf returns a line of the file, numbered from 1; empty when there is none.
func lineOf(data []byte, number int) string {
	lines := strings.Split(string(data), "\n")
	if number < 1 || number > len(lines) {
		return ""
	}
	return lines[number-1]
}

// mayHoldSecret matches lines of keys whose values are often secret. A file that is not YAML may hold them in clear.
var mayHoldSecret = regexp.MustCompile(`(?i)key|token|pass|secret|hook|auth|cookie|proxy|body|header|json|user|url`)

// withoutSecret returns a line for people, without what may be secret; empty when nothing is left.
func withoutSecret(line string) string {
	line = strings.TrimSpace(line)
	if mayHoldSecret.MatchString(line) {
		key, _, found := strings.Cut(line, ":")
		if !found {
			return "" // a value alone
		}
		return key + ": …"
	}
	const longest = 100
	if short := []rune(line); len(short) > longest {
		return string(short[:longest]) + "…"
	}
	return line
}

// syntaxHint returns what to write for a value that begins with a character of YAML's own: @ and ` are reserved, * begins an alias, and a
// tab does not indent (https://yaml.org/spec/1.2.2/, sections 5.3, 6.1 and 7.1). The messages are those of the library.
func syntaxHint(e *yaml.LoadError, line string) string {
	const quotes = `; put the value in quotes, for example "@every 30s" or "*/5 * * * *"`
	if strings.Contains(e.Error(), "scanning an alias") {
		return quotes
	}
	characters := []rune(line)
	if !strings.Contains(e.Message, "cannot start any token") || e.Mark.Column < 1 || e.Mark.Column > len(characters) {
		return ""
	}
	switch characters[e.Mark.Column-1] {
	case '@', '`':
		return quotes
	case '\t':
		return "; indent with spaces, not with tabs"
	}
	return ""
}
