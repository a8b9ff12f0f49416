package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"html"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// excerptLimit is the length of an excerpt, in characters.
const excerptLimit = 300

// Excerpt returns the message for people in the body of an answer, at most 300 characters, masked. In a JSON object that is
// the first of detail, error, code and message, or the first fault of a field. In other text it is the title of an HTML
// page or the first line.
func (s *Secrets) Excerpt(body []byte) string {
	if parsed, ok := parse(body); ok {
		return s.Text(words(parsed, 0), excerptLimit)
	}
	return s.Text(firstLine(string(body[:min(len(body), 64<<10)])), excerptLimit)
}

// Words returns the reason of a refusal in the API's own words, at most 300 characters, masked: the code of a JSON object, else its
// message for people. It is empty for a body that is not JSON.
func (s *Secrets) Words(body []byte) string {
	parsed, ok := parse(body)
	if !ok {
		return ""
	}
	if object, ok := parsed.(map[string]any); ok {
		if code, ok := object["code"].(string); ok && code != "" {
			return s.Text(code, excerptLimit)
		}
	}
	return s.Text(words(parsed, 0), excerptLimit)
}

// parse reads a JSON value. A byte order mark before it, and numbers beyond the range of a float, do not matter.
func parse(body []byte) (value any, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil {
		return nil, false
	}
	_, err := decoder.Token()
	return value, errors.Is(err, io.EOF)
}

// deepest is how many levels of nested objects words reads. The known error bodies have two.
const deepest = 4

// words finds the message for people in a JSON value.
func words(value any, depth int) string {
	switch v := value.(type) {
	case string:
		return v
	case []any:
		if len(v) > 0 && depth < deepest {
			return words(v[0], depth+1)
		}
	case map[string]any:
		if depth < deepest {
			return wordsOfObject(v, depth)
		}
	}
	return ""
}

func wordsOfObject(object map[string]any, depth int) string {
	for _, key := range []string{"detail", "error", "code", "message"} {
		if text := words(object[key], depth+1); text != "" {
			return text
		}
	}
	for _, field := range slices.Sorted(maps.Keys(object)) {
		if list, ok := object[field].([]any); ok {
			if text := words(list, depth+1); text != "" {
				return field + ": " + text
			}
		}
	}
	return ""
}

var (
	htmlTitle = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	htmlTag   = regexp.MustCompile(`(?s)<[^>]*>`)
)

// firstLine returns the title of an HTML page, else the first line that has more than tags.
func firstLine(text string) string {
	if title := htmlTitle.FindStringSubmatch(text); title != nil {
		return html.UnescapeString(title[1])
	}
	text = htmlTag.ReplaceAllString(text, "\n")
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			return html.UnescapeString(line)
		}
	}
	return ""
}
