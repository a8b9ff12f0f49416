package main

import (
	"io"
	"strings"

	"squarewatch/probe/redact"
)

// printable writes lines without control characters. What a command prints may contain text from the API, from Slack or from people.
type printable struct{ to io.Writer }

// Write writes lines. It reports all of them as written, also what it left out.
func (p printable) Write(text []byte) (int, error) {
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		lines[i] = redact.Printable(line)
	}
	if _, err := io.WriteString(p.to, strings.Join(lines, "\n")); err != nil {
		return 0, err
	}
	return len(text), nil
}
