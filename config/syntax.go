package config

import (
	"bytes"
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
	text := "is not YAML: " + e.Message
	if line := sourceLine(data, e.Mark.Line); line != "" {
		text += "; the line is: " + line
	}
	r.fault(&yaml.Node{Line: e.Mark.Line, Column: e.Mark.Column}, "", text)
}

// mayHoldSecret matches lines of keys whose values are often secret. A file that is not YAML may hold them in clear.
var mayHoldSecret = regexp.MustCompile(`(?i)key|token|pass|secret|hook|auth|cookie|proxy|body|header|json|user|url`)

// sourceLine returns a line of the file, numbered from 1, without what may be secret; empty when there is none.
func sourceLine(data []byte, number int) string {
	lines := bytes.Split(data, []byte("\n"))
	if number < 1 || number > len(lines) {
		return ""
	}
	line := strings.TrimSpace(string(lines[number-1]))
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
