package probe

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// redacted stands where a value was, as the semantic conventions for url.full want it.
const redacted = "REDACTED"

// hideValues replaces every value of a query and keeps the names, so that a URL stays readable and tells no secret.
func hideValues(query string) string {
	if query == "" {
		return ""
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		if name, _, found := strings.Cut(part, "="); found {
			parts[i] = name + "=" + redacted
		}
	}
	return strings.Join(parts, "&")
}

// tidy does what [Tidy] does, and masks our own secrets first, whatever they look like.
func (s *secrets) tidy(text string, limit int) string {
	text = maskShapes(s.hide(plain(shorten(text, limit, unicode.IsSpace))))
	return cut(strings.Join(strings.Fields(text), " "), limit)
}

// shorten cuts a text that is much longer than what will be shown of it, between two words: masking must not cost what a
// megabyte costs, and half a word may be half a secret, which no mask knows.
func shorten(text string, limit int, between func(rune) bool) string {
	const farEnough = 4
	if len(text) <= limit*farEnough {
		return text
	}
	text = text[:limit*farEnough]
	if end := strings.LastIndexFunc(text, between); end > 0 {
		text = text[:end]
	}
	return text
}

// Tidy makes a stranger's text fit to be shown: one line, no control or formatting characters, nothing that looks like a token,
// a password or a mail address, at most limit characters.
func Tidy(text string, limit int) string { return (*secrets)(nil).tidy(text, limit) }

// tidyPath does the same for a path, step by step: a whole path may look like a long token.
func (s *secrets) tidyPath(path string) string {
	const limit = 500
	steps := strings.Split(shorten(s.hide(plain(path)), limit, func(r rune) bool { return r == '/' }), "/")
	for i, step := range steps {
		steps[i] = maskShapes(step)
	}
	return cut(strings.Join(steps, "/"), limit)
}

// plain returns a text without control and formatting characters, with nothing but blanks between its words.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

// cut shortens a text to at most limit characters, the last of them an ellipsis where something is missing.
func cut(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return strings.TrimSpace(string([]rune(text)[:limit-1])) + "…"
}
