package probe

import (
	"regexp"
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

// secretLooking matches what tokens and mail addresses look like.
var secretLooking = regexp.MustCompile(`(?i)` +
	`eyJ[\w-]+\.[\w-]+(\.[\w-]*)?` + // JSON Web Token
	`|\bbearer\s+\S+` +
	`|\baisq[_-][\w-]+` + // the API's own opaque tokens
	`|[\w.%+-]+@[\w-]+(\.[\w-]+)+` + // mail address
	`|\b[0-9a-f]{32,}\b` +
	`|[A-Za-z0-9+/_-]{40,}={0,2}`)

// masked stands where a token or a mail address was.
const masked = "***"

// tidy makes a stranger's text fit to be shown: one line, no control or formatting characters, no secrets of ours, no tokens
// or mail addresses, at most limit characters.
func (s *secrets) tidy(text string, limit int) string {
	const farEnough = 16 // the longest text looked at, in limits: masking must not cost what a megabyte costs
	if len(text) > limit*farEnough {
		text = text[:limit*farEnough]
		if end := strings.LastIndexByte(text, ' '); end > 0 {
			text = text[:end] // half a word may be half a secret, which no mask knows
		}
	}
	text = secretLooking.ReplaceAllString(s.hide(plain(text)), masked)
	return cut(strings.Join(strings.Fields(text), " "), limit)
}

// tidyPath does the same for a path or a URL, step by step, since a whole one may look like a long token.
func (s *secrets) tidyPath(text string) string {
	const limit = 500
	steps := strings.Split(s.hide(plain(text)), "/")
	for i, step := range steps {
		steps[i] = secretLooking.ReplaceAllString(step, masked)
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
