package slack

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits for one piece of foreign text, in characters as they are sent, entities included. Together they keep every message inside Slack's
// limits, with few characters to spare (header 150, section 3000, field 2000, 50 blocks, all blocks 13,200:
// https://docs.slack.dev/reference/block-kit/blocks, https://github.com/slackapi/bolt-js/issues/2509).
const (
	cutHeading = 54  // a name in a header; two names, the longest event and the name of an emoji together stay below 150
	cutName    = 60  // the name of a rule, a series or a probe
	cutPhrase  = 200 // a list of names or codes
	cutNote    = 150 // a person's note in a message
	cutReason  = 300
	cutList    = 400 // the names of a list
	cutExcerpt = 600 // 300 characters of the API's answer, and room for the entities in them
	cutURL     = 800 // longer addresses are not linked
	cutPage    = 300 // longer addresses of an incident's page are not linked
)

// clean returns text as one line of printable characters. White space becomes one space. Control characters, invisible characters, marks
// of writing direction and invalid bytes are left out.
func clean(text string) string {
	var b strings.Builder
	space := false
	for _, r := range text {
		switch {
		case unicode.IsSpace(r) || r == 0x2028 || r == 0x2029:
			space = b.Len() > 0
			continue
		case !unicode.IsPrint(r) || r == utf8.RuneError || unicode.Is(unicode.Variation_Selector, r):
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// cut shortens text to limit characters and marks the cut with an ellipsis.
func cut(text string, limit int) string {
	return build(text, limit, func(r rune) string { return string(r) })
}

// plain returns foreign text for a plain_text object.
func plain(text string, limit int) string { return cut(clean(text), limit) }

// longestEmoji is the length of the longest name of an emoji, as in :black_right_pointing_double_triangle_with_vertical_bar:.
const longestEmoji = 56

// heading returns a name for a header, which holds 150 characters.
func heading(name string) string { return countedStrictly(clean(name), cutHeading) }

// countedStrictly shortens text to limit characters. Slack does not publish whether it counts an emoji as one character or by its name,
// nor what it counts as a character. So each emoji and each character counts with its largest possible length.
func countedStrictly(text string, limit int) string {
	return buildCounted(text, limit, func(r rune) string { return string(r) }, func(r rune, _ string) int {
		switch {
		case r > unicode.MaxASCII && unicode.IsSymbol(r), r == '‼', r == '⁉', r == '〰':
			return longestEmoji
		}
		return max(1, utf16.RuneLen(r))
	})
}

// textLimit is the limit for a text, in UTF-16 code units: chat.update accepts 4,000 characters, and Slack does not publish how it counts
// (https://docs.slack.dev/reference/methods/chat.update, msg_too_long).
const textLimit = 4000

// bounded joins lines to a text of at most textLimit. It leaves out whole lines, so that no style or link is cut.
func bounded(lines []string) string {
	const more = "… (shortened)"
	length := 0
	for i, line := range lines {
		length += len(utf16.Encode([]rune(line))) + 1
		if length > textLimit-len(more) {
			return strings.Join(append(lines[:i:i], more), "\n")
		}
	}
	return strings.Join(lines, "\n")
}

// mrkdwn returns foreign text for a mrkdwn object, which shows it without styles, links or mentions.
func mrkdwn(text string, limit int) string { return build(unmention(clean(text)), limit, unstyled) }

// code returns foreign text as a code span, or nothing when there is no text.
func code(text string, limit int) string {
	inside := build(unmention(clean(text)), limit-2, unstyled)
	if inside == "" {
		return ""
	}
	return "`" + inside + "`"
}

// label returns foreign text for the label of a link. Slack does not publish whether a label may hold a vertical bar, so that is
// replaced.
func label(text string) string { return strings.ReplaceAll(mrkdwn(text, cutPhrase), "|", "¦") }

// urlCharacters escapes what ends a link or may begin a style inside of its address. The address stays the same: servers decode it
// (https://www.rfc-editor.org/rfc/rfc3986#section-2.1). Chats with Slack's format have read an asterisk in an address as the end of a
// style (https://github.com/graylog-labs/graylog-plugin-slack/issues/54).
func urlCharacters() *strings.Replacer {
	return strings.NewReplacer(" ", "%20", "|", "%7C", "&", "&amp;", "<", "%3C", ">", "%3E", "*", "%2A", "`", "%60", "~", "%7E")
}

// link returns a link, or only the label when the address is not a web address or is too long. The label must be our own text, or a
// result of [label].
func link(address, label string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return label
	}
	target := urlCharacters().Replace(u.String())
	if u.User == nil { // a name after @ could mention a person
		target = strings.ReplaceAll(target, "@", "%40")
	}
	if utf8.RuneCountInString(target) > cutURL || clean(target) != target {
		return label
	}
	return "<" + target + "|" + label + ">"
}

// build replaces each rune by the result of each. It cuts the text to limit characters, and never inside an entity.
func build(text string, limit int, each func(rune) string) string {
	return buildCounted(text, limit, each, func(_ rune, piece string) int { return utf8.RuneCountInString(piece) })
}

// buildCounted is like build, but the function count returns the length of each piece.
func buildCounted(text string, limit int, each func(rune) string, count func(r rune, piece string) int) string {
	var b strings.Builder
	length, fits := 0, 0 // fits is the longest length in bytes at which an ellipsis still fits
	for _, r := range text {
		piece := each(r)
		length += count(r, piece)
		if length > limit {
			return b.String()[:fits] + "…"
		}
		b.WriteString(piece)
		if length < limit {
			fits = b.Len()
		}
	}
	return b.String()
}

// unstyled escapes the three characters that Slack requires to be escaped. Characters that begin a style are replaced by similar ones,
// since Slack has no escape for them. An underscore stays, because names often have one and it can only make text italic.
func unstyled(r rune) string {
	switch r {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	case '`':
		return "'"
	case '*':
		return "∗"
	case '~':
		return "∼"
	}
	return string(r)
}

// unmention puts a space into @here, @channel and @everyone, since a webhook may be configured to turn names into mentions.
func unmention(text string) string {
	for _, word := range []string{"here", "channel", "everyone"} {
		text = strings.ReplaceAll(text, "@"+word, "@ "+word)
	}
	return text
}
