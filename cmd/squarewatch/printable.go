package main

import (
	"io"
	"strings"

	"squarewatch/probe/redact"
)

// printable writes lines without control characters. What a command prints may contain text from the API, from Slack or from people.
type printable struct{ to io.Writer }

// Write writes lines. It reports all bytes as written, also those that it left out.
func (p printable) Write(text []byte) (int, error) {
	if _, err := io.WriteString(p.to, printableLines(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// printableLines returns lines without control characters.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = redact.Printable(line)
	}
	return strings.Join(lines, "\n")
}
