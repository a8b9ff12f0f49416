package slack

import (
	"regexp"
	"strings"

	"squarewatch/alert"

	"github.com/jedib0t/go-pretty/v6/text"
)

// minWidth is the least width of a box, in columns.
const minWidth = 40

// Terminal draws a message as a box of the given width in columns (80 when it is 0). The colour, if wanted, shows the urgency; the text is
// readable without it.
func Terminal(m Message, width int, coloured bool) string {
	if width == 0 {
		width = 80
	}
	b := &box{inner: max(width, minWidth) - 4, colour: colourOf(m), coloured: coloured}
	b.line("╭", strings.Repeat("─", b.inner+2), "╮")
	before := partHeader
	for i, part := range partsOf(m.Blocks) {
		// An empty row separates parts, but not fields.
		if i > 0 && (part.kind != partField || before != partField) {
			b.row("", nil)
		}
		b.part(part)
		before = part.kind
	}
	b.line("╰", strings.Repeat("─", b.inner+2), "╯")
	return b.out.String()
}

func colourOf(m Message) text.Color {
	switch {
	case m.Event == alert.EventResolved:
		return text.FgGreen
	case m.Event == alert.EventEnded:
		return text.FgHiBlack
	case m.Event == alert.EventTest:
		return text.FgCyan
	case m.Severity == alert.Critical:
		return text.FgRed
	case m.Severity == alert.Warning:
		return text.FgYellow
	}
	return text.FgBlue
}

// box writes lines between two borders, the left one in colour.
type box struct {
	inner    int // columns between the borders and their spaces
	colour   text.Color
	coloured bool
	out      strings.Builder
}

func (b *box) part(p part) {
	var style text.Colors
	content := unmark(p.text)
	switch p.kind {
	case partHeader:
		style = text.Colors{b.colour, text.Bold}
	case partContext:
		style = text.Colors{text.Faint}
	case partField:
		name, value, _ := strings.Cut(content, "\n")
		content = text.Pad(name, 10, ' ') + value
	case partSection:
	}
	for paragraph := range strings.SplitSeq(content, "\n") {
		// The limit is one column less than the inner width, since a wide character may exceed it by one.
		for row := range strings.SplitSeq(wrap(paragraph, b.inner-1), "\n") {
			b.row(row, style)
		}
	}
}

func (b *box) row(content string, style text.Colors) {
	padded := text.Pad(content, b.inner, ' ')
	if style != nil && b.coloured {
		padded = style.Sprint(padded)
	}
	b.line("┃", " "+padded+" ", "│")
}

func (b *box) line(left, middle, right string) {
	if b.coloured {
		left = b.colour.Sprint(left)
	}
	b.out.WriteString(left + middle + right + "\n")
}

// wrap breaks a line between words where possible. A line that fits keeps its spaces.
func wrap(line string, columns int) string {
	if text.StringWidthWithoutEscSequences(line) <= columns {
		return line
	}
	return text.WrapSoft(line, columns)
}

// unmark turns mrkdwn into plain text: links show label and address, dates show their text in UTC.
func unmark(mrkdwn string) string {
	mrkdwn = regexp.MustCompile(`<!date\^[^|>]*\|([^>]*)>`).ReplaceAllString(mrkdwn, "$1")
	mrkdwn = regexp.MustCompile(`<([^|>]*)\|([^>]*)>`).ReplaceAllString(mrkdwn, "$2 $1")
	return strings.NewReplacer("*", "", "`", "", "&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(mrkdwn)
}
