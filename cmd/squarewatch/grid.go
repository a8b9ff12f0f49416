package main

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"squarewatch/probe/redact"
)

// grid is a table whose widest columns are wrapped until it fits its width.
type grid struct {
	width   int // in columns of the display; 0 without a limit
	columns []string
	rows    [][]string
}

// add adds a row. Cells are made printable; they may have several lines.
func (g *grid) add(cells ...any) {
	row := make([]string, 0, len(cells))
	for _, cell := range cells {
		lines := strings.Split(fmt.Sprint(cell), "\n")
		for i := range lines {
			lines[i] = redact.Printable(lines[i])
		}
		row = append(row, strings.Join(lines, "\n"))
	}
	g.rows = append(g.rows, row)
}

// empty reports whether the table has no rows.
func (g *grid) empty() bool { return len(g.rows) == 0 }

// String draws the table. It ends with a line break.
func (g *grid) String() string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(tableRow(g.columns))
	for _, row := range g.rows {
		t.AppendRow(tableRow(row))
	}
	if g.width > 0 {
		configs := make([]table.ColumnConfig, 0, len(g.columns))
		for i, width := range g.fitted() {
			configs = append(configs, table.ColumnConfig{Number: i + 1, WidthMax: width, WidthMaxEnforcer: wrapCell})
		}
		t.SetColumnConfigs(configs)
	}
	return t.Render() + "\n"
}

func tableRow(cells []string) table.Row {
	row := make(table.Row, 0, len(cells))
	for _, cell := range cells {
		row = append(row, cell)
	}
	return row
}

// wrapCell wraps each line of a cell between words, and words that are longer than the column.
func wrapCell(cell string, width int) string {
	lines := strings.Split(cell, "\n")
	for i := range lines {
		if text.StringWidthWithoutEscSequences(lines[i]) > width {
			lines[i] = text.WrapSoft(lines[i], width)
		}
	}
	return strings.Join(lines, "\n")
}

// fitted returns the width of each column. While the table is too wide, fitted narrows the widest column. It breaks lines
// between words first, and then within words.
func (g *grid) fitted() []int {
	const narrowest, border = 6, 3
	widths, words := make([]int, len(g.columns)), make([]int, len(g.columns))
	total := 1
	for i, column := range g.columns {
		widths[i] = text.LongestLineLen(column)
		words[i] = widths[i]
		for _, row := range g.rows {
			widths[i] = max(widths[i], text.LongestLineLen(row[i]))
			for word := range strings.FieldsSeq(row[i]) {
				words[i] = max(words[i], text.StringWidthWithoutEscSequences(word))
			}
		}
		total += widths[i] + border
	}
	total = shrink(widths, total, g.width, func(i int) int { return words[i] })
	shrink(widths, total, g.width, func(int) int { return narrowest })
	return widths
}

// shrink narrows the widest column, one step after another, until the total fits or every column is as narrow as least says. It returns
// the new total.
func shrink(widths []int, total, limit int, least func(column int) int) int {
	for ; total > limit; total-- {
		widest := -1
		for i := range widths {
			if widths[i] > least(i) && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return total
}
