package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// redacted replaces a value of a query, as the semantic conventions require for url.full:
// https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/.
const redacted = "REDACTED"

// hideValues replaces every value of a query and keeps the names. The URL stays readable and shows no secret.
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

// Text makes foreign text fit to be shown, as the function [Text] does, and masks the known secrets first.
func (s *Secrets) Text(text string, limit int) string {
	text = maskShapes(s.hide(plain(shorten(text, limit, unicode.IsSpace))))
	return Cut(strings.Join(strings.Fields(text), " "), limit)
}

// shorten limits the work of masking: it cuts a text to four times the limit. It cuts between two words, because half a
// secret would not be recognized.
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

// Text makes foreign text fit to be shown. The result is one line of at most limit characters, without control or formatting
// characters and without anything that looks like a token, a password or a mail address.
func Text(text string, limit int) string { return (*Secrets)(nil).Text(text, limit) }

// path makes a foreign path fit to be shown. It masks each segment alone, because a whole path may look like a long token.
func (s *Secrets) path(path string) string {
	const limit = 500
	segments := strings.Split(shorten(s.hide(plain(path)), limit, func(r rune) bool { return r == '/' }), "/")
	for i, segment := range segments {
		segments[i] = maskShapes(segment)
	}
	return Cut(strings.Join(segments, "/"), limit)
}

// Printable returns foreign text as a terminal may show it: one line without control and formatting characters, so that it cannot move
// the cursor, change colours or reverse its direction. It hides nothing and cuts nothing.
func Printable(text string) string { return plain(text) }

// plain removes control and formatting characters, and replaces every white space by a blank.
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

// Cut shortens a text to at most limit characters. Where it removes something, the last character is an ellipsis.
func Cut(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return strings.TrimSpace(string([]rune(text)[:limit-1])) + "…"
}
