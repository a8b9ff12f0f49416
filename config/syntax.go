package config

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v4"
)

// syntaxHint returns what to write for a value that begins with a character of YAML's own: @ and ` are reserved, * begins an alias, and a
// tab does not indent (https://yaml.org/spec/1.2.2/, sections 5.3, 6.1 and 7.1). The messages are those of the library.
func syntaxHint(e *yaml.LoadError, data []byte) string {
	const quotes = `; put the value in quotes, for example "@every 30s" or "*/5 * * * *"`
	if strings.Contains(e.Error(), "scanning an alias") {
		return quotes
	}
	if !strings.Contains(e.Message, "cannot start any token") {
		return ""
	}
	lines := bytes.Split(data, []byte("\n"))
	if e.Mark.Line < 1 || e.Mark.Line > len(lines) {
		return ""
	}
	line := []rune(string(lines[e.Mark.Line-1]))
	if e.Mark.Column < 1 || e.Mark.Column > len(line) {
		return ""
	}
	switch line[e.Mark.Column-1] {
	case '@', '`':
		return quotes
	case '\t':
		return "; indent with spaces, not with tabs"
	}
	return ""
}
