package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"squarewatch/probe/redact"
)

// display is where a command writes text for people.
type display struct {
	out      io.Writer
	width    int  // in columns; 0 without a limit
	height   int  // in rows; 0 without a limit
	terminal bool // a person sees what is written, and it can be drawn again
	colour   bool
}

// narrow is the width below which tables leave out columns.
const narrow = 80

// isNarrow reports whether there is no room for every column of a table.
func (d display) isNarrow() bool { return d.width > 0 && d.width < narrow }

// display returns where a command writes.
func (p process) display() display { return p.displayOn(p.stdout) }

// displayOn returns a writer as a display. COLUMNS has precedence over the width of the terminal, as in git. Without both, as in a pipe,
// lines have no limit, so that other programs get whole lines.
func (p process) displayOn(w io.Writer) display {
	d := display{out: w}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		kind, _ := p.env("TERM")
		d.terminal = kind != "dumb"
		if width, height, err := term.GetSize(int(file.Fd())); err == nil {
			d.width, d.height = width, height
		}
	}
	if text, ok := p.env("COLUMNS"); ok {
		if width, err := strconv.Atoi(text); err == nil && width > 0 {
			d.width = width
		}
	}
	d.colour = d.terminal && !p.isSet("NO_COLOR") || p.isSet("FORCE_COLOR") && !p.isSet("NO_COLOR")
	return d
}

// isSet reports whether a variable of the environment is set and not empty. This is the rule of https://no-color.org.
func (p process) isSet(name string) bool {
	value, ok := p.env(name)
	return ok && value != ""
}

// line writes one paragraph without control characters, wrapped to the width. Lines after the first are indented.
func (d display) line(paragraph, indent string) string {
	paragraph = redact.Printable(paragraph)
	if d.width == 0 || text.StringWidthWithoutEscSequences(paragraph) <= d.width {
		return paragraph + "\n"
	}
	lead := paragraph[:len(paragraph)-len(strings.TrimLeft(paragraph, " "))]
	const narrowest = 20
	wrapped := text.WrapSoft(paragraph[len(lead):], max(d.width-len(lead)-len(indent), narrowest))
	rows := strings.Split(wrapped, "\n")
	for i := range rows {
		rows[i] = strings.TrimRight(lead+rows[i], " ")
		if i > 0 {
			rows[i] = indent + rows[i]
		}
	}
	return strings.Join(rows, "\n") + "\n"
}

// paint returns lines in a colour if the display has colours.
func (d display) paint(lines string, colour text.Color) string {
	if !d.colour {
		return lines
	}
	body, end := strings.TrimSuffix(lines, "\n"), ""
	if body != lines {
		end = "\n"
	}
	return colour.EscapeSeq() + body + text.Reset.EscapeSeq() + end
}

// table returns a table within the width.
func (d display) table(columns ...string) *grid { return &grid{width: d.width, columns: columns} }

// write writes text that is already without control characters.
func (d display) write(text string) error {
	_, err := io.WriteString(d.out, text)
	return err
}

// writeJSON writes one value as indented JSON.
func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(printable{w})
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}
