package alertmanager

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean returns text as one line of printable characters, at most limit characters long.
func clean(text string, limit int) string {
	shown := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r), r == utf8.RuneError:
			return -1
		}
		return r
	}, text)
	return cut(strings.Join(strings.Fields(shown), " "), limit)
}

// harmless returns foreign text for an annotation. Alertmanager passes annotations on unchanged, and its receivers interpret markup in
// them: Slack and Telegram in angle brackets, many others after an at sign.
func harmless(text string, limit int) string {
	return clean(strings.NewReplacer("<", "‹", ">", "›", "@", "@ ").Replace(text), limit)
}

// cut shortens text to limit characters and marks the cut with an ellipsis.
func cut(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}
