package probe

import (
	"encoding/json"
	"html"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// excerptLimit is how many characters of an answer are kept.
const excerptLimit = 300

// excerpt returns the API's own words of an unexpected answer: the first of detail, error, code or message in a JSON
// object, a list of faults by field, else the first line of text or a page's title.
func (s *secrets) excerpt(body []byte) string {
	var parsed any
	if json.Unmarshal(body, &parsed) == nil {
		return s.tidy(words(parsed, 0), excerptLimit)
	}
	return s.tidy(firstLine(string(body[:min(len(body), 64<<10)])), excerptLimit)
}

// deepest is how far words looks into nested objects: the known shapes have two levels.
const deepest = 4

// words finds the text for people in a JSON value.
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

// firstLine returns the title of an HTML page, else the first line that holds something beside tags.
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
